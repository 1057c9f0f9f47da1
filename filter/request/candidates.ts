// The endpoints a request may go to: those of its pool that serve, then what the profile's filters
// leave of them. Candidates are named by slot and stand in one array.
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import { ROLE_DECODE, ROLE_ENCODE, ROLE_PREFILL } from "../../protocol/records.ts";
import { arePartners, hasPartner, hasRole } from "../hints/disaggregation.ts";
import { isUp, mayBePicked } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import { labelsOf } from "../hints/table.ts";
import { Wish } from "./wish.ts";

/** Any endpoint will do. */
export const NO_PARTNER: i32 = -1;

export const candidates = new StaticArray<u16>(<i32>POOL_ENDPOINTS_MAX);
export let candidateCount: i32 = 0;
/** The candidates are endpoints that this gateway saw fail, as there are no others. */
export let isLastResort: bool = false;

/** The role that candidates have, 0 any; and the prefill endpoint they take over from. */
let wantedRole: u32 = 0;
let wantedPartner: i32 = NO_PARTNER;
/** A candidate has an endpoint that can take over from it. */
let wantsPartner: bool = false;

/** From here on candidates are those for decode, after prefill on `partner` if there is one. */
export function wantDecode(hasRoles: bool, partner: i32): void {
  wantedRole = hasRoles ? ROLE_DECODE : 0;
  wantedPartner = partner;
  wantsPartner = false;
}

/** From here on candidates are those for prefill. */
export function wantPrefill(hasRoles: bool): void {
  wantedRole = hasRoles ? ROLE_PREFILL : 0;
  wantedPartner = NO_PARTNER;
  wantsPartner = true;
}

/** From here on candidates are encoders. */
export function wantEncode(hasRoles: bool): void {
  wantedRole = hasRoles ? ROLE_ENCODE : 0;
  wantedPartner = NO_PARTNER;
  wantsPartner = false;
}

/** From here on candidates are all endpoints. */
export function wantAny(): void {
  wantedRole = 0;
  wantedPartner = NO_PARTNER;
  wantsPartner = false;
}

function isWanted(pool: Pool, slot: u32): bool {
  if (wantedRole !== 0 && !hasRole(slot, wantedRole)) return false;
  if (wantsPartner && !hasPartner(pool, slot)) return false;
  return wantedPartner === NO_PARTNER || arePartners(<u32>wantedPartner, slot);
}

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
    if (isWanted(pool, slot) && mayBePicked(slot, nowMs))
      unchecked((candidates[candidateCount++] = slot));
  }
  if (candidateCount > 0) return;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    if (isWanted(pool, slot) && isUp(slot)) unchecked((candidates[candidateCount++] = slot));
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
