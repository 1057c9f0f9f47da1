// Filters by values of the endpoints: upstream's endpoint-attribute-filter and context-length-aware.
import * as profile from "../../protocol/profile.ts";
import { Pool } from "../hints/pool.ts";
import { isMissing, readValue } from "../hints/values.ts";
import { bringForward, candidateCount, candidates, keepFirst } from "./candidates.ts";
import { isInRange, promptTokens } from "./context-length.ts";
import { Wish } from "./wish.ts";

/** Compares a value with a threshold. Past blind, no endpoint is held to have the value. */
export function keepByValue(pool: Pool, step: i32, trust: f64): void {
  const number = pool.parameterBits(step, 0);
  const comparison = pool.parameterBits(step, 1);
  const flags = pool.parameterBits(step, 2);
  const threshold = pool.parameter(step, 3);
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const value = trust > 0 ? readValue(unchecked(candidates[i]), number) : NaN;
    const passes = isMissing(value)
      ? (flags & profile.KEEPS_MISSING) !== 0
      : holds(comparison, value, threshold);
    if (passes) bringForward(kept++, i);
  }
  if (kept > 0 || (flags & profile.KEEPS_ALL_RATHER_THAN_NONE) === 0) keepFirst(kept);
}

function holds(comparison: u32, value: f64, threshold: f64): bool {
  switch (comparison) {
    case profile.COMPARE_LESS:
      return value < threshold;
    case profile.COMPARE_LESS_OR_EQUAL:
      return value <= threshold;
    case profile.COMPARE_GREATER:
      return value > threshold;
    case profile.COMPARE_GREATER_OR_EQUAL:
      return value >= threshold;
    case profile.COMPARE_EQUAL:
      return value === threshold;
    default:
      return value !== threshold;
  }
}

/** Keeps endpoints whose range has the prompt's length, and those without a range. */
export function keepByContextLength(pool: Pool, step: i32, wish: Wish): void {
  const number = pool.parameterBits(step, 0);
  const tokens = promptTokens(pool, wish);
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    if (isInRange(unchecked(candidates[i]), number, tokens)) bringForward(kept++, i);
  }
  keepFirst(kept);
}
