// The connections of probes: one to each endpoint, and for each way of TLS an agent of its own.
import { Agent } from "undici";
import type { EndpointTls } from "../pool/endpoint-tls.ts";
import type { ProbeTimes } from "./probe.ts";

export class ProbeAgents {
  /** By what tells ways of TLS apart. */
  readonly #agents = new Map<string, Agent>();
  #times: ProbeTimes;

  constructor(times: ProbeTimes) {
    this.#times = times;
  }

  of(tls: EndpointTls | null): Agent {
    const key = keyOf(tls);
    const agent = this.#agents.get(key) ?? agentFor(this.#times, tls);
    this.#agents.set(key, agent);
    return agent;
  }

  setTimes(times: ProbeTimes): void {
    this.#times = times;
    this.keep([]);
  }

  /** Lets go of all others; what is under way ends with the connections it has. */
  keep(ways: readonly (EndpointTls | null)[]): void {
    const kept = new Set(ways.map(keyOf));
    for (const [key, agent] of this.#agents) {
      if (kept.has(key)) continue;
      this.#agents.delete(key);
      void agent.close();
    }
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }
}

function keyOf(tls: EndpointTls | null): string {
  return JSON.stringify(tls);
}

function agentFor({ periodMs, timeoutMs }: ProbeTimes, tls: EndpointTls | null): Agent {
  return new Agent({
    connections: 1,
    // A connection outlives the pause between two probes.
    keepAliveTimeout: 10_000 + 2 * periodMs,
    connect: { timeout: timeoutMs, ...(tls ? secured(tls) : {}) },
  });
}

function secured({ name, caCertificates: ca }: EndpointTls) {
  const servername = name === null ? {} : { servername: name };
  return { ...servername, ...(ca === null ? { rejectUnauthorized: false } : { ca }) };
}
