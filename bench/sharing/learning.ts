// How soon a pick made in one place is known in another.
//
// To look is to pick, and a pick teaches the one who is asked. So each look asks with one key more of
// the prompt than the last: what earlier looks taught ends one key short of what is asked, and only
// who was told of the whole prompt matches all of it. Blocks grow with depth, and so do looks: the
// plans have few enough of them that the last is tens of kilobytes long.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { EnvoyMessage } from "../../envoy/bootstrap.ts";
import { bytesOfBlocks } from "../../protocol/keys.ts";
import { candidateOf } from "../../test/support/asking.ts";
import type { Asked, PinnedConnection } from "../../test/support/pinned-connection.ts";

/** The least that is allowed: with small prompts, looks follow each other closely. */
export const BLOCK_BYTES = 256;

/** A prompt of so many keys, none of which another `seed` shares. */
export function prompt(seed: string, keys: number): string {
  const sentence = `${seed} walks along the river and counts the boats. `;
  const bytes = bytesOfBlocks(keys, BLOCK_BYTES) + BLOCK_BYTES / 2;
  return sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes);
}

export interface LearningPlan {
  trials: number;
  /** Looks at most; what takes more counts as never seen. */
  looks: number;
  /** Between two looks. */
  pauseMs: number;
}

/**
 * Times from the pick in one place to the first pick elsewhere that knows of it, by the gateways' own
 * clock: upper bounds, by up to the time between two looks. NaN: it was not seen.
 */
export async function learningTimes(
  plan: LearningPlan,
  places: (trial: number) => { from: PinnedConnection; to: PinnedConnection },
): Promise<number[]> {
  const timesMs: number[] = [];
  for (let trial = 0; trial < plan.trials; trial++) {
    // Another moment between two ticks in every trial.
    await sleep(20 + Math.random() * 10);
    const { from, to } = places(trial);
    timesMs.push(await learningTime(plan, from, to));
  }
  return timesMs;
}

async function learningTime(
  { looks, pauseMs }: LearningPlan,
  from: PinnedConnection,
  to: PinnedConnection,
): Promise<number> {
  const seed = randomUUID();
  const picking = from.ask(prompt(seed, looks));
  let picked: Awaited<typeof picking> | undefined;
  void picking.then((answer) => {
    picked = answer;
  });
  const seen: { keys: number; answer: Asked }[] = [];
  for (let keys = 1; keys <= looks; keys++) {
    const answer = await to.ask(prompt(seed, keys));
    seen.push({ keys, answer });
    if (picked && matched(answer, picked.endpoint) >= keys) break;
    if (pauseMs > 0) await sleep(pauseMs);
  }
  const told = await picking;
  const first = seen.find(({ keys, answer }) => matched(answer, told.endpoint) >= keys);
  return first ? pickedMs(first.answer) - pickedMs(told) : Number.NaN;
}

const PICKED_HEADER = "x-bench-picked";

/**
 * A gateway whose answers say when it had the whole body, which is when its filter picks: as a client
 * sees it, the client's own way and waking would be most of what is measured.
 */
export function tellingWhenPicked(configuration: EnvoyMessage): EnvoyMessage {
  const altered = structuredClone(configuration) as unknown as Bootstrap;
  const value = "%START_TIME(%s.%6f)% %COMMON_DURATION(DS_RX_BEG:DS_RX_END:us)%";
  for (const { filter_chains } of altered.static_resources.listeners) {
    const { route_config } = filter_chains[0].filters[0].typed_config;
    route_config.response_headers_to_add = [{ header: { key: PICKED_HEADER, value } }];
  }
  return altered as unknown as EnvoyMessage;
}

interface Bootstrap {
  static_resources: {
    listeners: {
      filter_chains: [{ filters: [{ typed_config: { route_config: EnvoyMessage } }] }];
    }[];
  };
}

/** Milliseconds since 1970, to the microsecond. */
function pickedMs({ headers }: Asked): number {
  const [startedS = Number.NaN, receivingUs = Number.NaN] = `${headers[PICKED_HEADER]}`
    .split(" ")
    .map(Number);
  return startedS * 1000 + receivingUs / 1000;
}

/** Keys of the prompt that the endpoint is believed to hold, by whom was asked. */
export function matched(answer: Asked, endpoint: string): number {
  return candidateOf(answer, endpoint)?.matchedKeys ?? 0;
}
