// Replicas of a control plane as processes, and Envoys that know all of them.

import { join } from "node:path";
import type { EnvoyMessage } from "../../envoy/bootstrap.ts";
import { CONTROL_PLANE_CLUSTER } from "../../protocol/names.ts";
import {
  type Component,
  type ControlPlane,
  type Envoy,
  startControlPlane,
  startEnvoy,
  startSimulators,
} from "./components.ts";
import { until } from "./until.ts";

export class Replicated {
  readonly replicas: ControlPlane[] = [];
  readonly simulators: Component[] = [];
  readonly envoys: Envoy[] = [];

  /** Two replicas over as many simulators. `state` is the address of a Valkey. */
  static async start(state: string, simulators: number): Promise<Replicated> {
    const replicated = new Replicated();
    replicated.simulators.push(...(await startSimulators(simulators, ["--speed", "5"])));
    for (let replica = 0; replica < 2; replica++) await replicated.#startReplica(state);
    return replicated;
  }

  async #startReplica(state: string): Promise<void> {
    const [first] = this.replicas;
    const token = first ? ["--token-file", join(first.stateDir, "token")] : [];
    const endpoints = this.simulators.map(({ address }) => address);
    const flags = ["--state", state, ...token];
    const replica = await startControlPlane({ endpoints, flags });
    this.replicas.push(first ? Object.assign(replica, { token: first.token }) : replica);
  }

  /** An Envoy that knows all replicas. */
  async startEnvoy(): Promise<Envoy> {
    const alter = (configuration: EnvoyMessage) => this.#knowAll(configuration);
    const envoy = await startEnvoy({ controlPlane: this.replicas[0]!, alter });
    this.envoys.push(envoy);
    return envoy;
  }

  /** One whose poll is at this replica: which one it finds first is chance. */
  async startEnvoyAt(replica: ControlPlane): Promise<Envoy> {
    for (let times = 0; times < 8; times++) {
      const before = await pollsAt(replica);
      const envoy = await this.startEnvoy();
      const polls = () => Promise.all(this.replicas.map(pollsAt));
      await until("it polls", async () => sum(await polls()) === this.envoys.length);
      if ((await pollsAt(replica)) > before) return envoy;
      await this.stopEnvoy(envoy);
    }
    throw new Error("eight Envoys in a row have found the other replica");
  }

  async stopEnvoy(envoy: Envoy): Promise<void> {
    this.envoys.splice(this.envoys.indexOf(envoy), 1);
    await envoy.stop();
    const polls = () => Promise.all(this.replicas.map(pollsAt));
    await until("its poll has ended", async () => sum(await polls()) === this.envoys.length);
  }

  #knowAll(configuration: EnvoyMessage): EnvoyMessage {
    const { clusters } = configuration["static_resources"] as { clusters: EnvoyMessage[] };
    const cluster = clusters.find(({ name }) => name === CONTROL_PLANE_CLUSTER)!;
    cluster["load_assignment"] = {
      cluster_name: CONTROL_PLANE_CLUSTER,
      endpoints: [{ lb_endpoints: this.replicas.map(({ port }) => endpointAt(port)) }],
    };
    return configuration;
  }

  async stop(): Promise<void> {
    for (const part of [...this.envoys, ...this.replicas, ...this.simulators]) await part.stop();
  }
}

function endpointAt(port: number): EnvoyMessage {
  return { endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } } };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Polls that a replica holds. */
export async function pollsAt(replica: ControlPlane): Promise<number> {
  const { gateways } = await statusOf(replica);
  return gateways.filter(({ polling }) => polling).length;
}

interface Shown {
  generation: string;
  index: { keys: number };
  replicas: { isConnected: boolean; replicas: number };
  gateways: { id: string; polling: boolean; polls: number }[];
}

export async function statusOf(replica: ControlPlane): Promise<Shown> {
  const answer = await fetch(`${replica.url}/status?format=json`);
  return (await answer.json()) as Shown;
}
