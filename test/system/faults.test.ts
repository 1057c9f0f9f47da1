import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { bytesOfBlocks } from "../../protocol/keys.ts";
import { type Answer, ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import {
  startWholeGateway,
  type WholeGateway,
  type WholeGatewayOptions,
} from "../support/components.ts";
import type { PinnedConnection } from "../support/pinned-connection.ts";
import { Traffic } from "../support/traffic.ts";
import { until } from "../support/until.ts";
import { connectToWorkers } from "../support/worker-connections.ts";

let gateway: WholeGateway | undefined;

afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

async function start(options: WholeGatewayOptions = {}): Promise<WholeGateway> {
  gateway = await startWholeGateway({
    simulators: 3,
    simulatorFlags: ["--speed", "50"],
    ...options,
  });
  return gateway;
}

function prompt(seed: string): Message[] {
  return [{ role: "user", content: prose(seed, 6_000) }];
}

async function counter(parts: WholeGateway, name: string): Promise<number> {
  const statistics = await parts.envoy.statistics(`wasmcustom.hintway.${name}$`);
  return statistics.get(`wasmcustom.hintway.${name}`) ?? 0;
}

describe("when the control plane dies", () => {
  test("no request fails, prefixes are still followed, and it is whole again after", async () => {
    const parts = await start();
    const before = await ask(parts.url, chat(prompt("before")));
    await parts.controlPlane.kill();
    for (let i = 0; i < 30; i++) {
      const answer = await ask(parts.url, chat(prompt(`during ${i % 5}`)));
      expect(answer.status).toBe(200);
    }
    const known = await ask(parts.url, chat(prompt("before")));
    expect(candidateOf(known, before.endpoint)?.matchedKeys).toBe(known.explanation?.keys);
    await parts.controlPlane.start();
    await until("the index to be handed back", async () => {
      const status = await statusOf(parts);
      return status.includes("index 0 of") ? undefined : status;
    });
    const after = await ask(parts.url, chat(prompt("before")));
    expect(candidateOf(after, before.endpoint)?.matchedKeys).toBe(after.explanation?.keys);
  });

  test("a gateway that has not heard from it for long picks blind, and says so", async () => {
    const parts = await start({ controlPlaneFlags: ["--stale-ms", "300", "--blind-ms", "900"] });
    await parts.controlPlane.kill();
    const blind = await until("picks to be blind", async () => {
      const answer = await ask(parts.url, chat(prompt("blind")));
      return answer.explanation?.stage === "blind" ? answer : undefined;
    });
    expect(blind?.status).toBe(200);
  });
});

async function statusOf(parts: WholeGateway): Promise<string> {
  return (await fetch(`${parts.controlPlane.url}/status`)).text();
}

describe("when a model server dies", () => {
  test("requests go to the next best, and no worker picks it until it is back", async () => {
    const parts = await start();
    const first = await ask(parts.url, chat(prompt("its own")));
    const victim = parts.simulators.find(({ address }) => address === first.endpoint);
    await victim?.kill();
    for (let i = 0; i < 20; i++) {
      const answer = await ask(parts.url, chat(prompt("its own")));
      expect(answer.status).toBe(200);
      expect(answer.endpoint).not.toBe(first.endpoint);
    }
    expect(await settledCounter(parts, "endpoint_failures")).toBeLessThanOrEqual(2);
    await victim?.start();
    const back = await until("it to be picked again", async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          ask(parts.url, chat(prompt(`again ${i} ${Math.random()}`))),
        ),
      );
      return answers.some(({ endpoint }) => endpoint === first.endpoint);
    });
    expect(back).toBe(true);
  });

  test("picks of it end while nobody has an answer yet", async () => {
    // Answers of three seconds that are not streamed, no probe in time, and no report that asks for one.
    const parts = await start({
      simulatorFlags: ["--speed", "1"],
      controlPlaneFlags: ["--probe-period-ms", "60000"],
    });
    const first = await ask(parts.url, chat(prompt("its own")));
    const victim = parts.simulators.find(({ address }) => address === first.endpoint);
    await victim?.kill();
    await parts.controlPlane.kill();
    const asked: Promise<Answer>[] = [];
    for (let i = 0; i < 20; i++) {
      asked.push(ask(parts.url, chat(prompt("its own"), 200)));
      await setTimeout(50);
    }
    const statistics = await parts.envoy.statistics("cluster.pool.upstream_cx_connect_fail$");
    const triedInVain = statistics.get("cluster.pool.upstream_cx_connect_fail") ?? 0;
    expect(await counter(parts, "requests_retried")).toBe(0);
    for (const { status } of await Promise.all(asked)) expect(status).toBe(200);
    expect(triedInVain).toBeGreaterThan(0);
    expect(triedInVain).toBeLessThanOrEqual(4);
  });

  test("because of one request, wherever that is tried, the others are still served", async () => {
    const parts = await start();
    await parts.controlPlane.kill();
    const headers = { "x-sim-fault": "reset-before-headers" };
    expect((await ask(parts.url, { ...chat(prompt("poison")), headers })).status).toBe(503);
    await settledCounter(parts, "endpoint_failures");
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => ask(parts.url, chat(prompt(`next ${i}`)))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(answers.some(({ explanation }) => explanation?.lastResort)).toBe(true);
  });

  test("a stream it had begun is cut and counted, not retried", async () => {
    const parts = await start();
    const answer = await ask(parts.url, {
      ...chat(prompt("cut"), 50, true),
      headers: { "x-sim-fault": "reset-after-headers:3" },
    });
    expect(answer.status).toBe(200);
    expect(answer.isCut).toBe(true);
    expect(await settledCounter(parts, "streams_cut")).toBe(1);
  });

  test("with all of them gone the client gets a 503 in OpenAI's shape with the reason", async () => {
    const parts = await start();
    for (const simulator of parts.simulators) await simulator.kill();
    const answer = await until("the filter to refuse", async () => {
      const tried = await ask(parts.url, chat(prompt("nobody")));
      return tried.headers["x-llm-d-request-dropped-reason"] ? tried : undefined;
    });
    expect(answer?.status).toBe(503);
    expect(answer?.headers["x-llm-d-request-dropped-reason"]).toBe("rejected-no-endpoints");
    expect(JSON.parse(answer?.text ?? "").error.code).toBe("no_endpoints");
  });
});

async function settledCounter(parts: WholeGateway, name: string): Promise<number> {
  return (
    (await until(`${name} to be counted`, async () => (await counter(parts, name)) || undefined)) ??
    0
  );
}

describe("when a filter's virtual machine traps", () => {
  test("its worker is told what its siblings know, and the other worker serves on", async () => {
    const parts = await startTrapping();
    const seed = randomUUID();
    const [trapped, other] = await connected(parts);
    const { endpoint } = await other.ask(prose(seed, bytesOf(LOOKS)));
    // In their first two seconds machines tell each other, later only the lease's holder does.
    await setTimeout(2_500);
    const served = new Traffic(other);
    const answer = await trapped.ask("x", { "x-hintway-trap": "1" });
    expect(answer.status).not.toBe(200);
    const [again] = await connected(parts);
    await untilKnown(again, seed, endpoint);
    expect(await served.end()).toEqual({ failed: 0, some: true });
    await untilNothingIsInFlight(parts);
  });

  test("the lease moves on with it, from machine to machine, and the links hold", async () => {
    const parts = await startTrapping();
    const [first, second] = await connected(parts);
    const traffics = [new Traffic(first), new Traffic(second)];
    // The first holder is on the main thread, where no requests are; the next one is a worker.
    await trapHolder(parts);
    for (const traffic of traffics.splice(0)) {
      expect(await traffic.end()).toEqual({ failed: 0, some: true });
    }
    traffics.push(new Traffic(first), new Traffic(second));
    await trapHolder(parts);
    const ended = await Promise.all(traffics.map((traffic) => traffic.end()));
    expect(ended.filter(({ failed }) => failed > 0).length).toBeLessThanOrEqual(1);
    const seed = randomUUID();
    const [again, other] = await connected(parts);
    const { endpoint } = await other.ask(prose(seed, bytesOf(LOOKS)));
    await untilKnown(again, seed, endpoint);
    await untilNothingIsInFlight(parts);
  });
});

const LOOKS = 40;
const LOOK_PAUSE_MS = 125;

function startTrapping(): Promise<WholeGateway> {
  return start({ filter: "trap", workers: 2 });
}

/** A connection to each of the two workers. */
async function connected(parts: WholeGateway): Promise<[PinnedConnection, PinnedConnection]> {
  const [first, second] = await connectToWorkers(parts.envoy, 2);
  if (!first || !second) throw new Error("not every worker has a connection");
  return [first, second];
}

/** Of a prompt of so many keys. */
function bytesOf(keys: number): number {
  return bytesOfBlocks(keys, 1024) + 512;
}

/**
 * Asks with one key more each time: what the answers to these requests teach ends one key short of
 * what the next one asks, so only who was told of the whole prompt matches all of it.
 */
async function untilKnown(
  connection: PinnedConnection,
  seed: string,
  endpoint: string,
): Promise<void> {
  for (let keys = 1; keys <= LOOKS; keys++) {
    const answer = await connection.ask(prose(seed, bytesOf(keys)));
    if ((candidateOf(answer, endpoint)?.matchedKeys ?? 0) >= keys) return;
    await setTimeout(LOOK_PAUSE_MS);
  }
  throw new Error(`the worker was not told of the prompt within ${LOOKS} looks`);
}

/** Makes the machine that holds the lease trap, and waits until reports come from another one. */
async function trapHolder(parts: WholeGateway): Promise<void> {
  await ask(parts.url, { ...chat(prompt("y")), headers: { "x-hintway-trap": "holder" } });
  // Its number is free again once its heartbeat is seen to have stopped.
  await setTimeout(2_000);
  const keys = await indexKeys(parts);
  await until("the control plane to be told of picks", async () => {
    await ask(parts.url, chat(prompt(randomUUID())));
    return (await indexKeys(parts)) > keys;
  });
}

async function indexKeys({ controlPlane }: WholeGateway): Promise<number> {
  const response = await fetch(`${controlPlane.url}/status?format=json`, {
    headers: { accept: "application/json" },
  });
  return ((await response.json()) as { index: { keys: number } }).index.keys;
}

async function untilNothingIsInFlight(parts: WholeGateway): Promise<void> {
  await until("every gauge to be zero", async () => {
    const gauges = await parts.envoy.statistics("wasmcustom.hintway.slot_");
    return [...gauges.values()].every((value) => value === 0) || undefined;
  });
}
