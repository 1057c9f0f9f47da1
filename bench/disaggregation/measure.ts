// Hintway's two legs against those of a client that asks both servers itself, and of one whose decode
// leg passes an Envoy without the filter, as where a sidecar stands behind a gateway; in turns.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../start/ports.ts";
import { projectPath } from "../../start/project.ts";
import { startControlPlane, startEnvoy } from "../../test/support/components.ts";
import { startRoleGateway } from "../../test/support/role-gateway.ts";
import { until } from "../../test/support/until.ts";
import { median, quantile } from "../measure/quantiles.ts";
import { chatOf, decodeBody, joinedBody, prefillBody } from "./bodies.ts";
import { Connection } from "./connection.ts";

/** How long both servers take to answer, 0 for instant ones. */
export interface Pace {
  prefillMs: number;
  decodeMs: number;
  /** Requests of a cell's round, all connections together; at least 20 of each connection. */
  requests: number;
}

const LEAST_OF_A_CONNECTION = 20;

/** `serial`: decode is asked with what prefill has answered (NIXL). `joined`: both at once (SGLang). */
export const FLOWS = ["serial", "joined"] as const;
export type Flow = (typeof FLOWS)[number];

export interface Plan {
  rounds: number;
  paces: readonly Pace[];
  connections: readonly number[];
  bodyBytes: readonly number[];
}

export interface Cell {
  flow: Flow;
  pace: Pace;
  connections: number;
  bodyBytes: number;
  /** Medians over the rounds of each round's p50 and p99. */
  direct: Latency;
  behindEnvoy: Latency;
  gateway: Latency;
}

interface Latency {
  p50Ms: number;
  p99Ms: number;
}

const NAMES = ["direct", "behindEnvoy", "gateway"] as const;
type Name = (typeof NAMES)[number];
type Way = (body: string) => Promise<unknown>;
interface Client {
  ask: Way;
  close(): void;
}

export async function measureDisaggregation(plan: Plan): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const flow of FLOWS) {
    for (const pace of plan.paces) cells.push(...(await measurePace(plan, flow, pace)));
  }
  return cells;
}

async function measurePace(plan: Plan, flow: Flow, pace: Pace): Promise<Cell[]> {
  const [prefill = 0, decode = 0] = await freePorts(2);
  const script = projectPath("bench", "handing-servers.ts");
  const settings = [prefill, decode, pace.prefillMs, pace.decodeMs].map(String);
  const servers = spawn(process.execPath, [script, flow, ...settings], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(servers.stdout, "data");
  const ports = { prefill: [prefill], decode: [decode] };
  const labelsOf = () => labelsFor(flow, prefill);
  const gateway = await startRoleGateway(ports, { workers: 2, labelsOf });
  const port = portOf(gateway.url);
  const plain = await startPlainGateway(decode);
  const plainPort = portOf(plain.url);
  try {
    await untilDisaggregated(port);
    const cells: Cell[] = [];
    for (const connections of plan.connections) {
      for (const bodyBytes of plan.bodyBytes) {
        const ports = { port, plainPort, prefill, decode };
        const setting = { flow, pace, connections, bodyBytes, ...ports };
        cells.push(await measureCell(plan.rounds, setting));
      }
    }
    return cells;
  } finally {
    await plain.stop();
    await gateway.stop();
    const exited = once(servers, "exit");
    servers.stdin.end();
    await exited;
  }
}

/** A serial flow is what endpoints have without a label. */
function labelsFor(flow: Flow, prefillPort: number): Record<string, string> {
  if (flow === "serial") return {};
  return { "llm-d.ai/kv-connector": "sglang", "llm-d.ai/bootstrap-port": `${prefillPort}` };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** An Envoy without the filter in front of the decode server. */
async function startPlainGateway(decode: number): Promise<{ url: string; stop(): Promise<void> }> {
  const attachment = "none";
  const endpoints = [`127.0.0.1:${decode}`];
  const controlPlane = await startControlPlane({ endpoints, attachment });
  const envoy = await startEnvoy({ controlPlane, attachment, workers: 2 });
  const stop = async () => {
    await envoy.stop();
    await controlPlane.stop();
  };
  return { url: envoy.url, stop };
}

/** The decode server refuses what no prefill has seen, so that a 200 tells. */
async function untilDisaggregated(port: number): Promise<void> {
  let good = 0;
  await until("requests to have two legs", async () => {
    const client = await openGateway(port);
    const isGood = await client.ask(chatOf(1024, `${Math.random()}`)).then(
      () => true,
      () => false,
    );
    client.close();
    good = isGood ? good + 1 : 0;
    // Each connection may be another worker's.
    return good >= 10;
  });
}

interface CellSetting {
  flow: Flow;
  pace: Pace;
  connections: number;
  bodyBytes: number;
  port: number;
  plainPort: number;
  prefill: number;
  decode: number;
}

async function measureCell(roundCount: number, setting: CellSetting): Promise<Cell> {
  const { flow, pace, connections, bodyBytes, port, plainPort, prefill, decode } = setting;
  const open = flow === "joined" ? openJoined : openDirect;
  const ways = {
    direct: () => open(prefill, decode),
    behindEnvoy: () => open(prefill, plainPort),
    gateway: () => openGateway(port),
  };
  const rounds = { direct: [], behindEnvoy: [], gateway: [] } as Record<Name, number[][]>;
  for (let round = 0; round < roundCount; round++) {
    for (const way of NAMES) {
      rounds[way].push(await measureRound(ways[way], setting));
    }
  }
  const summary = (all: number[][]) => ({
    p50Ms: median(all.map((latencies) => quantile(latencies, 0.5))),
    p99Ms: median(all.map((latencies) => quantile(latencies, 0.99))),
  });
  return {
    ...{ flow, pace, connections, bodyBytes },
    direct: summary(rounds.direct),
    behindEnvoy: summary(rounds.behindEnvoy),
    gateway: summary(rounds.gateway),
  };
}

async function measureRound(
  open: () => Promise<Client>,
  { pace, connections, bodyBytes }: CellSetting,
): Promise<number[]> {
  const clients = await Promise.all(Array.from({ length: connections }, open));
  const latencies: number[] = [];
  const each = Math.max(LEAST_OF_A_CONNECTION, Math.ceil(pace.requests / connections));
  const loop = async (client: Client, number: number) => {
    // Spread over one answer's time: all at once they would wait for each other.
    await sleep(((pace.prefillMs + pace.decodeMs) * number) / connections);
    // The first fifth warms connections and code.
    for (let at = -each / 5; at < each; at++) {
      const body = chatOf(bodyBytes, `${Math.random()}`);
      const beganAtMs = performance.now();
      await client.ask(body);
      if (at >= 0) latencies.push(performance.now() - beganAtMs);
    }
  };
  await Promise.all(clients.map(loop));
  for (const client of clients) client.close();
  return latencies;
}

async function openDirect(prefillPort: number, decodePort: number): Promise<Client> {
  const prefill = await Connection.open(prefillPort);
  const decode = await Connection.open(decodePort);
  return {
    ask: async (body) => decode.ask(decodeBody(body, await prefill.ask(prefillBody(body)))),
    close() {
      prefill.close();
      decode.close();
    },
  };
}

async function openJoined(prefillPort: number, decodePort: number): Promise<Client> {
  const prefill = await Connection.open(prefillPort);
  const decode = await Connection.open(decodePort);
  return {
    ask(body) {
      const both = joinedBody(body, prefillPort);
      return Promise.all([prefill.ask(both), decode.ask(both)]);
    },
    close() {
      prefill.close();
      decode.close();
    },
  };
}

async function openGateway(port: number): Promise<Client> {
  const connection = await Connection.open(port);
  return { ask: (body) => connection.ask(body), close: () => connection.close() };
}
