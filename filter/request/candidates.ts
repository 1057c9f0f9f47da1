// The endpoints a request may go to: those of its pool that serve, then what the profile's filters
// leave of them. Candidates are named by slot and stand in one array.
import { POOL_ENDPOINTS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
import { FILTER_LABEL, FILTER_PREFIX_AFFINITY, FILTER_SESSION } from "../../protocol/profile.ts";
import { backlogOn } from "../hints/flight.ts";
import { mayBePicked } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import { labelsOf, otherBacklogOf, trustAt } from "../hints/table.ts";
import { random } from "./random.ts";
import { Wish } from "./wish.ts";

export const candidates = new StaticArray<u16>(<i32>POOL_ENDPOINTS_MAX);
export let candidateCount: i32 = 0;

/** Thresholds come as f32: 0.8 arrives a little above 0.8, and 8 keys of 10 still reach it. */
const F32_ERROR: f64 = 1e-6;
const MS_PER_SECOND: f64 = 1_000;
const isSticky = new StaticArray<bool>(<i32>SLOTS_MAX);

/** Endpoints of the pool that are up and not held to be failing. */
export function gatherCandidates(pool: Pool, nowMs: f64): void {
  candidateCount = 0;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    if (mayBePicked(slot, nowMs)) unchecked((candidates[candidateCount++] = slot));
  }
}

/** Runs the profile's filters in their order; a filter may leave nobody. */
export function filterCandidates(pool: Pool, wish: Wish, nowMs: f64): void {
  for (let step = 0; step < pool.steps && candidateCount > 0; step++) {
    const operation = pool.operation(step);
    if (operation === FILTER_LABEL) keepLabelled(1 << pool.parameterBits(step, 0));
    else if (operation === FILTER_PREFIX_AFFINITY) keepSticky(pool, step, wish, nowMs);
    else if (operation === FILTER_SESSION) keepSession(wish);
  }
}

function keepLabelled(bit: u32): void {
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if ((unchecked(labelsOf[slot]) & bit) !== 0) unchecked((candidates[kept++] = slot));
  }
  candidateCount = kept;
}

function keepSession(wish: Wish): void {
  for (let i = 0; i < candidateCount; i++) {
    if (<i32>unchecked(candidates[i]) !== wish.sessionSlot) continue;
    unchecked((candidates[0] = <u16>wish.sessionSlot));
    candidateCount = 1;
    return;
  }
}

/**
 * Keeps the endpoints that hold most of the prompt, unless waiting for them would cost more than
 * recomputing elsewhere (upstream's prefix-cache-affinity-filter).
 */
function keepSticky(pool: Pool, step: i32, wish: Wish, nowMs: f64): void {
  const threshold = pool.parameter(step, 0);
  const exploration = pool.parameter(step, 1);
  if (candidateCount <= 1 || threshold <= 0 || wish.keyCount === 0) return;
  if (exploration > 0 && random() < exploration) return;
  const needed = (threshold - F32_ERROR) * <f64>wish.keyCount;
  let sticky = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    unchecked((isSticky[slot] = <f64>unchecked(matchedKeys[slot]) >= needed));
    if (unchecked(isSticky[slot])) sticky++;
  }
  if (sticky === 0 || sticky === candidateCount) return;
  if (isPenaltyTooHigh(pool, step, nowMs)) return;
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if (unchecked(isSticky[slot])) unchecked((candidates[kept++] = slot));
  }
  candidateCount = kept;
}

function isPenaltyTooHigh(pool: Pool, step: i32, nowMs: f64): bool {
  const penaltyMsMax = pool.parameter(step, 2);
  if (penaltyMsMax <= 0) return false;
  const trust = trustAt(nowMs);
  let sticky = Infinity;
  let other = Infinity;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    const bytes = backlogOn(slot) + trust * <f64>unchecked(otherBacklogOf[slot]);
    if (unchecked(isSticky[slot])) sticky = min(sticky, bytes);
    else other = min(other, bytes);
  }
  const msPerByte = MS_PER_SECOND / pool.bytesPerToken / max(1, pool.parameter(step, 3));
  return (sticky - other) * msPerByte > penaltyMsMax;
}
