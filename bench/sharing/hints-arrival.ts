// How soon a changed metric of an endpoint is what every worker decides by.

import { setTimeout as sleep } from "node:timers/promises";
import { candidateOf } from "../../test/support/asking.ts";
import type { PinnedConnection } from "../../test/support/pinned-connection.ts";

/** An endpoint's metrics page that tells when a value was first read from it. */
export class WatchedMetric {
  #waiting = 0;
  #readMs: number | undefined;

  /** Called for each reading of the page. */
  read(): number {
    this.#readMs ??= performance.now();
    return this.#waiting;
  }

  /** Another value than ever before. */
  change(): number {
    this.#waiting++;
    this.#readMs = undefined;
    return this.#waiting;
  }

  get readMs(): number | undefined {
    return this.#readMs;
  }
}

const GIVE_UP_MS = 10_000;
const LOOK_PAUSE_MS = 2;

/** From the reading of the changed page to the last worker's first answer by it, NaN if none came. */
export async function arrivalTimes(
  trials: number,
  metric: WatchedMetric,
  endpoint: string,
  workers: PinnedConnection[],
): Promise<number[]> {
  const timesMs: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    // Another moment between two probes in every trial.
    await sleep(Math.random() * 500);
    const value = metric.change();
    const known = workers.map((worker) => untilWaiting(worker, endpoint, value));
    const lastMs = Math.max(...(await Promise.all(known)));
    timesMs.push(lastMs - (metric.readMs ?? Number.NaN));
  }
  return timesMs;
}

/** When the worker first told of this number of waiting requests; NaN if it never did. */
export async function untilWaiting(
  worker: PinnedConnection,
  endpoint: string,
  waiting: number,
): Promise<number> {
  const giveUpMs = performance.now() + GIVE_UP_MS;
  while (performance.now() < giveUpMs) {
    const answer = await worker.ask("hello");
    const candidate = candidateOf(answer, endpoint);
    if (candidate && "waiting" in candidate && candidate.waiting === waiting) {
      return answer.receivedMs;
    }
    await sleep(LOOK_PAUSE_MS);
  }
  return Number.NaN;
}
