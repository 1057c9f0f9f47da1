// How soon a gateway is whole again after a part of it died.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlane } from "../../test/support/components.ts";
import type { PinnedConnection } from "../../test/support/pinned-connection.ts";
import { Traffic } from "../../test/support/traffic.ts";
import { until } from "../../test/support/until.ts";
import { untilWaiting, type WatchedMetric } from "./hints-arrival.ts";
import { matched, prompt } from "./learning.ts";

const SEED_PROMPTS = 20;
const SEED_KEYS = 16;
const DOWN_MS = 300;

export interface RestartTimes {
  /** From the start of the process to its first answer that it is ready. */
  readyMs: number;
  /** From there, each 0 at least: every worker decides by its hints; its index has all keys. */
  hintsMs: number;
  indexMs: number;
  /** Requests that failed from its end on. */
  failures: number;
}

/** Kills the control plane and starts it again; a metric that changed meanwhile tells its hints. */
export async function restartControlPlane(
  controlPlane: ControlPlane,
  metric: WatchedMetric,
  endpoint: string,
  workers: PinnedConnection[],
): Promise<RestartTimes> {
  const worker = workers[0]!;
  for (let count = 0; count < SEED_PROMPTS; count++) {
    await worker.ask(prompt(randomUUID(), SEED_KEYS));
  }
  await sleep(DOWN_MS);
  const keys = await indexKeys(controlPlane);
  await controlPlane.kill();
  const traffic = new Traffic(worker);
  await sleep(DOWN_MS);
  const waiting = metric.change();
  const ready = controlPlane.start().then(() => performance.now());
  const startMs = performance.now();
  const hints = Promise.all(workers.map((each) => untilWaiting(each, endpoint, waiting)));
  const index = until("the index", async () => (await indexKeys(controlPlane)) >= keys).then(() =>
    performance.now(),
  );
  const [readyMs, hintsMs, indexMs] = await Promise.all([ready, hints, index]);
  return {
    readyMs: readyMs - startMs,
    hintsMs: Math.max(0, Math.max(...hintsMs) - readyMs),
    indexMs: Math.max(0, indexMs - readyMs),
    failures: (await traffic.end()).failed,
  };
}

async function indexKeys(controlPlane: ControlPlane): Promise<number> {
  try {
    const answer = await fetch(`${controlPlane.url}/status?format=json`, {
      headers: { accept: "application/json" },
    });
    const status = (await answer.json()) as { index: { keys: number } };
    return status.index.keys;
  } catch {
    return -1;
  }
}

export interface TrapTimes {
  /** From the request that traps to the first answer that the filter explains. */
  answersMs: number;
  /** To the first one that knows a prompt which the worker was told of before it trapped. */
  knowsMs: number;
  /** Requests over the other workers that failed meanwhile. */
  failures: number;
}

/** In this time after their start machines tell each other unasked, later only the lease's holder. */
const YOUNG_MS = 2_500;
const TRAP_LOOKS = 100;
const TRAP_LOOK_PAUSE_MS = 20;

/**
 * Makes the filter of one worker trap, and looks until it is back. Envoy closes the connection on
 * which it trapped, so `looking` is another one to the same worker.
 */
export async function trapWorker(
  trapped: PinnedConnection,
  looking: PinnedConnection,
  other: PinnedConnection,
): Promise<TrapTimes> {
  const seed = randomUUID();
  const { endpoint } = await other.ask(prompt(seed, TRAP_LOOKS));
  await sleep(YOUNG_MS);
  const traffic = new Traffic(other);
  const { sentMs } = await trapped.ask("hello", { "x-hintway-trap": "1" });
  const times = { answersMs: Number.NaN, knowsMs: Number.NaN };
  for (let keys = 1; keys <= TRAP_LOOKS && Number.isNaN(times.knowsMs); keys++) {
    const answer = await looking.ask(prompt(seed, keys));
    const tookMs = answer.receivedMs - sentMs;
    const isBack = answer.status === 200 && answer.explanation !== null;
    if (isBack && Number.isNaN(times.answersMs)) times.answersMs = tookMs;
    if (matched(answer, endpoint) >= keys) times.knowsMs = tookMs;
    await sleep(TRAP_LOOK_PAUSE_MS);
  }
  return { ...times, failures: (await traffic.end()).failed };
}
