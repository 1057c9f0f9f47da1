// How much of each endpoint's cache was computed anew lately: shares of its capacity, which count for
// less the more of the pool's caches was renewed since. Time plays no part: a pool that does twice as
// much forgets twice as fast.
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { Pool } from "./pool.ts";
import { capacityOf } from "./table.ts";

/** Share of all caches that is computed anew while what was before falls to 1/e. */
const MEMORY_SHARE: f64 = 0.25;
/** Weights are e to this at most, and then begin again from 1. */
const EXPONENT_MAX: f64 = 50;

/** In the pool's weight of the moment at which it was computed. */
const renewed = new StaticArray<f64>(<i32>SLOTS_MAX);

/** The endpoint is sent prompt that is not in its cache. */
export function noteUncached(pool: Pool, slot: u32, bytes: f64): void {
  const blocks = bytes / <f64>max(pool.blockBytes, 1);
  const share = blocks / <f64>max(unchecked(capacityOf[slot]), 1);
  unchecked((renewed[slot] = renewed[slot] + share * pool.renewalWeight));
  pool.renewals += share / (MEMORY_SHARE * <f64>max(pool.slotCount, 1));
  if (pool.renewals > EXPONENT_MAX) beginAgain(pool);
  pool.renewalWeight = Math.exp(pool.renewals);
}

function beginAgain(pool: Pool): void {
  const weight = Math.exp(-pool.renewals);
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    unchecked((renewed[slot] = renewed[slot] * weight));
  }
  pool.renewals = 0;
}

/**
 * What was computed on the endpoint lately against what is usual where caches are full: 0 to 1, and a
 * half where all endpoints compute the same. Before a good part of the caches was computed nothing is
 * pushed out of them, and it is near 0.
 */
export function renewalOf(pool: Pool, slot: u32): f64 {
  const own = unchecked(renewed[slot]);
  return own / (own + MEMORY_SHARE * pool.renewalWeight);
}

/** The slot has another endpoint, which computed nothing yet. */
export function forgetRenewal(slot: u32): void {
  unchecked((renewed[slot] = 0));
}
