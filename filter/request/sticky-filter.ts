// Upstream's prefix-cache-affinity-filter: keeps the endpoints that hold most of the prompt, unless
// waiting for them would cost more than recomputing elsewhere.
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import { candidateCount, candidates, keepFirst } from "./candidates.ts";
import { coveredBytes } from "./cover.ts";
import { backlogInFlight } from "./in-flight.ts";
import { random } from "./random.ts";
import { Wish } from "./wish.ts";

/** Thresholds come as f32: 0.8 arrives a little above 0.8, and 8 keys of 10 still reach it. */
const F32_ERROR: f64 = 1e-6;
const MS_PER_SECOND: f64 = 1_000;
const isSticky = new StaticArray<bool>(<i32>SLOTS_MAX);

export function keepSticky(pool: Pool, step: i32, wish: Wish, trust: f64): void {
  const threshold = pool.parameter(step, 0);
  const exploration = pool.parameter(step, 1);
  if (candidateCount <= 1 || threshold <= 0 || wish.keyCount === 0) return;
  if (exploration > 0 && random() < exploration) return;
  const needed = (threshold - F32_ERROR) * <f64>coveredBytes(wish.keyCount);
  let sticky = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    unchecked((isSticky[slot] = <f64>coveredBytes(unchecked(matchedKeys[slot])) >= needed));
    if (unchecked(isSticky[slot])) sticky++;
  }
  if (sticky === 0 || sticky === candidateCount) return;
  if (isPenaltyTooHigh(pool, step, trust)) return;
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if (unchecked(isSticky[slot])) unchecked((candidates[kept++] = slot));
  }
  keepFirst(kept);
}

function isPenaltyTooHigh(pool: Pool, step: i32, trust: f64): bool {
  const penaltyMsMax = pool.parameter(step, 2);
  if (penaltyMsMax <= 0) return false;
  let sticky = Infinity;
  let other = Infinity;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    const bytes = backlogInFlight(slot, trust);
    if (unchecked(isSticky[slot])) sticky = min(sticky, bytes);
    else other = min(other, bytes);
  }
  const msPerByte = MS_PER_SECOND / pool.bytesPerToken / max(1, pool.parameter(step, 3));
  return (sticky - other) * msPerByte > penaltyMsMax;
}
