// The endpoints a request may go to: those of its pool that serve, then what the profile's filters
// leave of them. Candidates are named by slot and stand in one array.
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import { isUp, mayBePicked } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import { labelsOf } from "../hints/table.ts";
import { Wish } from "./wish.ts";

export const candidates = new StaticArray<u16>(<i32>POOL_ENDPOINTS_MAX);
export let candidateCount: i32 = 0;
/** The candidates are endpoints that this gateway saw fail, as there are no others. */
export let isLastResort: bool = false;

/**
 * Endpoints of the pool that are up and not held to be failing. If there are none, those that only
 * this gateway holds to be failing: a few requests that make every try fail must not take a pool
 * out, and where an endpoint is truly gone, the control plane's probes say so.
 */
export function gatherCandidates(pool: Pool, nowMs: f64): void {
  candidateCount = 0;
  isLastResort = false;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    if (mayBePicked(slot, nowMs)) unchecked((candidates[candidateCount++] = slot));
  }
  if (candidateCount > 0) return;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    if (isUp(slot)) unchecked((candidates[candidateCount++] = slot));
  }
  isLastResort = candidateCount > 0;
}

/** Whether a candidate holds anything of the prompt matched last. */
export function isAnyWarm(): bool {
  for (let i = 0; i < candidateCount; i++) {
    if (unchecked(matchedKeys[candidates[i]]) > 0) return true;
  }
  return false;
}

/** Those that pass a filter stand at the front: the others are gone. */
export function keepFirst(count: i32): void {
  candidateCount = count;
}

/** Puts a candidate at `place` by exchange, so that none is lost where all are kept in the end. */
export function bringForward(place: i32, candidate: i32): void {
  const slot = unchecked(candidates[place]);
  unchecked((candidates[place] = candidates[candidate]));
  unchecked((candidates[candidate] = slot));
}

export function keepLabelled(bit: u32): void {
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if ((unchecked(labelsOf[slot]) & bit) !== 0) unchecked((candidates[kept++] = slot));
  }
  candidateCount = kept;
}

/** The one endpoint, if it is a candidate. */
export function keepOnly(slot: i32): void {
  for (let i = 0; i < candidateCount; i++) {
    if (<i32>unchecked(candidates[i]) !== slot) continue;
    unchecked((candidates[0] = <u16>slot));
    candidateCount = 1;
    return;
  }
}

export function keepListed(wish: Wish): void {
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if (wish.lists(slot)) unchecked((candidates[kept++] = slot));
  }
  candidateCount = kept;
}
