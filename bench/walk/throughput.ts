// How many bytes a second the walk reads, and a copy of the same bytes beside it.

import { median } from "../measure/quantiles.ts";
import { walkBodies } from "./bodies.ts";
import { compileWalk, type Walk } from "./compiled.ts";

export interface Throughput {
  name: string;
  bytes: number;
  /** 10⁹ bytes a second, in the best of the rounds: what only the code decides. */
  walkGbPerSecond: number;
  copyGbPerSecond: number;
  /** One walk of the body: the best round, and the median of all. */
  walkUs: number;
  medianUs: number;
}

export async function measureThroughput(rounds: number, roundMs: number): Promise<Throughput[]> {
  const walk = await compileWalk();
  return walkBodies().map(({ name, body }) => {
    new Uint8Array(walk.memory.buffer).set(body, walk.room(body.length));
    const read = walk.walk(body.length, 1);
    if (read === 0) throw new Error(`the walk cannot read the body "${name}"`);
    const walks = roundsOf(walk, "walk", body.length, rounds, roundMs);
    const walkUs = Math.min(...walks);
    const copyUs = Math.min(...roundsOf(walk, "copy", body.length, rounds, roundMs));
    return {
      ...{ name, bytes: body.length, walkUs, medianUs: median(walks) },
      walkGbPerSecond: body.length / walkUs / 1000,
      copyGbPerSecond: body.length / copyUs / 1000,
    };
  });
}

/** The first rounds warm the compiler up and are left out. */
const WARM_ROUNDS = 3;

/** The microseconds of one time in each round. */
function roundsOf(
  walk: Walk,
  work: "walk" | "copy",
  bytes: number,
  rounds: number,
  roundMs: number,
): number[] {
  let times = 1;
  const samples: number[] = [];
  for (let round = 0; round < rounds + WARM_ROUNDS; round++) {
    const startMs = performance.now();
    walk[work](bytes, times);
    const tookMs = performance.now() - startMs;
    if (round >= WARM_ROUNDS) samples.push((tookMs * 1000) / times);
    // So many that a round takes about its time, now that one is known.
    times = Math.max(1, Math.round((times * roundMs) / Math.max(tookMs, 0.01)));
  }
  return samples;
}
