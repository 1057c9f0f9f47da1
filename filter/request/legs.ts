// The calls to prefill endpoints that are under way, found by the host's token. One outlives its
// request where the client leaves, for a call cannot be taken back: the endpoint computes on, and
// what it does is counted there until it has answered.

import { LEGS_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { addFlight } from "../hints/flight.ts";
import { Pool } from "../hints/pool.ts";
import { outbox } from "../hints/sharing.ts";
import { settings, tenancyOf } from "../hints/table.ts";
import { Leg } from "./leg.ts";
import { Request } from "./live.ts";

const BUCKETS: u32 = 1024;
const buckets = new StaticArray<Leg | null>(<i32>BUCKETS);
let free: Leg | null = null;
let count: u32 = 0;
/** Of all calls' bodies. */
let bodyBytes: f64 = 0;

/** Whether a call with a body of about so many bytes can be kept beside those under way. */
export function hasRoomForLeg(bytes: u32): bool {
  return count < LEGS_MAX && bodyBytes + <f64>bytes <= <f64>settings.heldBytesMax;
}

/** A record for a call of the request to an endpoint, which the host has taken. */
export function newLeg(request: Request, pool: Pool, stage: u32, slot: u32, atMs: f64): Leg {
  let leg = free;
  if (leg === null) leg = new Leg();
  else free = leg.next;
  leg.stage = stage;
  leg.isAsk = false;
  leg.context = request.context;
  leg.pool = request.pool;
  leg.clusterLow = pool.clusterLow;
  leg.clusterHigh = pool.clusterHigh;
  leg.slot = slot;
  leg.startedMs = atMs;
  return leg;
}

/** From here on the call's answer finds it, by the token that the host gave. */
export function keepLeg(leg: Leg, token: u32, bytes: u32): void {
  leg.token = token;
  leg.bodyBytes = bytes;
  const bucket = <i32>bucketOf(token);
  leg.next = unchecked(buckets[bucket]);
  unchecked((buckets[bucket] = leg));
  count++;
  bodyBytes += <f64>leg.bodyBytes;
}

/** Tokens of one machine are apart by a few. */
function bucketOf(token: u32): u32 {
  return ((token * 0x9e3779b1) >>> 22) & (BUCKETS - 1);
}

/** Takes the leg with this token out of the table; null where it is none. Give it back after. */
export function takeLeg(token: u32): Leg | null {
  const bucket = <i32>bucketOf(token);
  let before: Leg | null = null;
  let leg = unchecked(buckets[bucket]);
  while (leg !== null && leg.token !== token) {
    before = leg;
    leg = leg.next;
  }
  if (leg === null) return null;
  if (before === null) unchecked((buckets[bucket] = leg.next));
  else before.next = leg.next;
  count--;
  bodyBytes -= <f64>leg.bodyBytes;
  return leg;
}

export function giveLegBack(leg: Leg): void {
  leg.context = 0;
  leg.next = free;
  free = leg;
}

/** From here on the endpoint has to read the prompt. */
export function putLeg(leg: Leg): void {
  leg.tenancy = unchecked(tenancyOf[leg.slot]);
  addFlight(leg.slot, 1, 1, leg.uncachedBytes, <f64>leg.promptBytes);
}

/** It has answered, or never will. */
export function releaseLeg(leg: Leg): void {
  if (unchecked(tenancyOf[leg.slot]) !== leg.tenancy) return;
  addFlight(leg.slot, -1, -1, -leg.uncachedBytes, -(<f64>leg.promptBytes));
}

export function reportLeg(leg: Leg, outcome: u32, status: u32, ms: f64, parameters: u32): void {
  const at = outbox.addLeg();
  if (at === 0) return;
  store<u32>(at + wire.LEG_SLOT, leg.slot);
  store<u32>(at + wire.LEG_OUTCOME, outcome);
  store<u32>(at + wire.LEG_STATUS, status);
  store<u32>(at + wire.LEG_MS, <u32>max(0, ms));
  store<u32>(at + wire.LEG_PROMPT_BYTES, leg.promptBytes);
  store<u32>(at + wire.LEG_UNCACHED_BYTES, <u32>leg.uncachedBytes);
  store<u32>(at + wire.LEG_PARAMETERS_BYTES, parameters);
  store<u32>(at + wire.LEG_STAGE, leg.stage);
}
