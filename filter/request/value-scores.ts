// Scores by values of the endpoints: upstream's endpoint-attribute-scorer, context-length-aware and
// header-label-affinity-scorer. Each fills the column with what one step gives each candidate.
import { FIXED_RANGE, LOWER_IS_BETTER } from "../../protocol/profile.ts";
import { Pool } from "../hints/pool.ts";
import { isMissing, readBits, readValue } from "../hints/values.ts";
import { candidateCount, candidates } from "./candidates.ts";
import { promptTokens, rangeScore } from "./context-length.ts";
import { Wish } from "./wish.ts";

/** Where the value stands in its range; an endpoint without it scores 0. Ages like `spread`. */
export function scoreValue(pool: Pool, step: i32, trust: f64, column: StaticArray<f64>): void {
  const number = pool.parameterBits(step, 0);
  const flags = pool.parameterBits(step, 1);
  const isFixed = (flags & FIXED_RANGE) !== 0;
  let least: f64 = isFixed ? pool.parameter(step, 2) : Infinity;
  let most: f64 = isFixed ? pool.parameter(step, 3) : -Infinity;
  for (let i = 0; i < candidateCount && !isFixed; i++) {
    const value = readValue(unchecked(candidates[i]), number);
    if (isMissing(value)) continue;
    least = min(least, value);
    most = max(most, value);
  }
  for (let i = 0; i < candidateCount; i++) {
    const value = readValue(unchecked(candidates[i]), number);
    const score = placeIn(value, least, most, (flags & LOWER_IS_BETTER) !== 0);
    unchecked((column[i] = 1 - trust * (1 - score)));
  }
}

function placeIn(value: f64, least: f64, most: f64, lowerIsBetter: bool): f64 {
  if (isMissing(value)) return 0;
  if (!(most > least)) return 1;
  const place = max<f64>(0, min<f64>(1, (value - least) / (most - least)));
  return lowerIsBetter ? 1 - place : place;
}

export function scoreContextLength(
  pool: Pool,
  step: i32,
  wish: Wish,
  column: StaticArray<f64>,
): void {
  const number = pool.parameterBits(step, 0);
  const tokens = promptTokens(pool, wish);
  for (let i = 0; i < candidateCount; i++) {
    unchecked((column[i] = rangeScore(candidates[i], number, tokens)));
  }
}

/** 1 where the header's value is the endpoint's label. */
export function scoreHeaderLabel(
  pool: Pool,
  step: i32,
  wish: Wish,
  column: StaticArray<f64>,
): void {
  const asked = wish.hashOf(pool.parameterBits(step, 0));
  const number = pool.parameterBits(step, 1);
  for (let i = 0; i < candidateCount; i++) {
    const slot = <u32>unchecked(candidates[i]);
    const label = <u64>readBits(slot, number) | ((<u64>readBits(slot, number + 1)) << 32);
    unchecked((column[i] = asked !== 0 && asked === label ? 1 : 0));
  }
}
