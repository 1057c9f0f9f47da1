// How soon a pick made in one place is known in another.
//
// To look is to pick, and a pick teaches the one who is asked. So each look asks with one block more
// of the prompt than the last: what earlier looks taught ends one block short of what is asked, and
// only who was told of the whole prompt matches all of it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Explanation } from "../../test/support/asking.ts";
import type { PinnedConnection } from "../../test/support/pinned-connection.ts";

/** The least that is allowed: with small prompts, looks follow each other closely. */
export const BLOCK_BYTES = 256;

/** A prompt of so many blocks whose first block no other `seed` shares. */
export function prompt(seed: string, blocks: number): string {
  const sentence = `${seed} walks along the river and counts the boats. `;
  const bytes = blocks * BLOCK_BYTES + BLOCK_BYTES / 2;
  return sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes);
}

export interface LearningPlan {
  trials: number;
  /** Looks at most: a trial that takes more ends with the time that it had. */
  looks: number;
  /** Between two looks. */
  pauseMs: number;
}

/**
 * Times from the start of the request that is picked in one place to the end of the first answer
 * elsewhere that knows of it: upper bounds, by about the time of a request.
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
  const seen: { blocks: number; explanation: Explanation | null; receivedMs: number }[] = [];
  for (let blocks = 1; blocks <= looks; blocks++) {
    const { explanation, receivedMs } = await to.ask(prompt(seed, blocks));
    seen.push({ blocks, explanation, receivedMs });
    if (picked && matched(explanation, picked.endpoint) >= blocks) break;
    if (pauseMs > 0) await sleep(pauseMs);
  }
  const { endpoint, sentMs } = await picking;
  const first = seen.find((look) => matched(look.explanation, endpoint) >= look.blocks);
  return (first ?? seen.at(-1)!).receivedMs - sentMs;
}

export function matched(explanation: Explanation | null, endpoint: string): number {
  const candidate = explanation?.candidates.find((found) => found.endpoint === endpoint);
  return candidate?.matchedKeys ?? 0;
}
