// Filters by load: upstream's utilization-filter, and its two saturation detectors where a profile
// names them as filters. What gauges say fades with its age: past blind, they say nothing.
import { KEEPS_ALL_RATHER_THAN_NONE } from "../../protocol/profile.ts";
import { Pool } from "../hints/pool.ts";
import { kvUseOf, probedMs, runningOf, settings, waitingOf } from "../hints/table.ts";
import { bringForward, candidateCount, candidates, keepFirst } from "./candidates.ts";
import { backlogInFlight, requestsInFlight } from "./in-flight.ts";

/** Drops endpoints above any of four caps. */
export function keepUnderCaps(pool: Pool, step: i32, trust: f64): void {
  const inFlightMost = pool.parameter(step, 1);
  const runningMost = pool.parameter(step, 2);
  const waitingMost = pool.parameter(step, 3);
  const kvUseMost = pool.parameter(step, 4);
  const keepsAll = (pool.parameterBits(step, 0) & KEEPS_ALL_RATHER_THAN_NONE) !== 0;
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if (requestsInFlight(slot, trust) > inFlightMost) continue;
    if (trust * <f64>unchecked(runningOf[slot]) > runningMost) continue;
    if (trust * <f64>unchecked(waitingOf[slot]) > waitingMost) continue;
    if (trust * <f64>unchecked(kvUseOf[slot]) > kvUseMost) continue;
    bringForward(kept++, i);
  }
  if (kept > 0 || !keepsAll) keepFirst(kept);
}

/** Keeps endpoints with a fresh reading below both limits; where there is none, all. */
export function keepUnsaturated(pool: Pool, step: i32, nowMs: f64): void {
  const waitingLimit = pool.parameter(step, 0);
  const kvUseLimit = pool.parameter(step, 1);
  const sinceMs = nowMs - staleAfterMs(pool.parameter(step, 2));
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if (unchecked(probedMs[slot]) < sinceMs) continue;
    if (<f64>unchecked(waitingOf[slot]) >= waitingLimit) continue;
    if (<f64>unchecked(kvUseOf[slot]) >= kvUseLimit) continue;
    bringForward(kept++, i);
  }
  if (kept > 0) keepFirst(kept);
}

/** Upstream probes every 50 ms; here the operator's own limit holds where it is the longer one. */
export function staleAfterMs(thresholdMs: f64): f64 {
  return max(thresholdMs, settings.staleMs);
}

/** Keeps endpoints below limits of what is in flight. */
export function keepUnderConcurrency(pool: Pool, step: i32, trust: f64): void {
  const requestsLimit = pool.parameter(step, 0);
  const tokensLimit = pool.parameter(step, 1);
  let kept = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = unchecked(candidates[i]);
    if (requestsInFlight(slot, trust) >= requestsLimit) continue;
    if (backlogInFlight(slot, trust) / pool.bytesPerToken >= tokensLimit) continue;
    bringForward(kept++, i);
  }
  keepFirst(kept);
}
