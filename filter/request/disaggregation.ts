// A request of a pool that disaggregates: whether its prompt is read on a prefill endpoint first, and
// what comes of that. While a prefill endpoint reads it, the request is held:
//
//   decode pick ─▶ decider ─▶ prefill pick ─▶ call ─▶ answer ─▶ body patched ─▶ decode pick ─▶ sent
//        │            │no           │none        │failed: the next one, until none is left
//        └────────────┴─────────────┴────────────┴──▶ decode alone, or an error where the pool asks
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { connectorOf, Disaggregation, hasPartner } from "../hints/disaggregation.ts";
import { requestsOn, unansweredOn } from "../hints/flight.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys, matchKeys } from "../hints/prefix-index.ts";
import { shareSoon } from "../hints/sharing.ts";
import * as table from "../hints/table.ts";
import { call } from "../host/callouts.ts";
import { countLeg } from "./accounts.ts";
import { NO_PARTNER, wantRole } from "./candidates.ts";
import { coverBy, uncachedBytes } from "./cover.ts";
import { bytesAlone, bytesElsewhere, mayDisaggregate, Place } from "./decider.ts";
import { destinationClusterAt, destinationClusterBytes, findCluster } from "./destination.ts";
import { applyEdits } from "./edited-body.ts";
import { explain, takeExplanation } from "./explain.ts";
import { backlogInFlight } from "./in-flight.ts";
import { bodyHasMembers, bodyStart, buildLegBody, legBodyAt, legBodyBytes } from "./leg-body.ts";
import { buildLegHeaders, legHeaders } from "./leg-headers.ts";
import { hasRoomForLeg, keepLeg, newLeg } from "./legs.ts";
import { PREFILLING, Request } from "./live.ts";
import { backlogBefore } from "./load-before.ts";
import * as picks from "./pick.ts";
import * as choice from "./pool-choice.ts";
import { mayBePrefilled } from "./prompt-api.ts";
import { keepParts } from "./score.ts";
import { prefillMembers } from "./transfer-members.ts";
import { byteMsOf, transferMsOf } from "./transfer-times.ts";

/** What the pick of decode left is no longer there: prefill was picked since. */
export let isDecodeForgotten: bool = false;

const decode = new Place();
const prefill = new Place();

/** Picks for decode: alone, or after prefill on the endpoint `partner`. Answers as `pick` does. */
export function pickDecode(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  partner: i32,
  atMs: f64,
): u32 {
  const isAlone = partner === NO_PARTNER;
  isDecodeForgotten = false;
  const profile = isAlone ? ways.decodeProfile : ways.transferredProfile;
  return pickAs(request, pool, ways, wire.ROLE_DECODE, profile, partner, atMs);
}

function pickAs(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  role: u32,
  profile: i32,
  partner: i32,
  atMs: f64,
): u32 {
  coverBy(request.wish.keyCount > 0 ? request.prompt : null);
  request.wish.profile = profile;
  keepParts(request.wantsExplanation);
  wantRole(ways.hasRoles ? role : 0, partner);
  const result = picks.pick(pool, request.wish, atMs);
  wantRole(0, NO_PARTNER);
  return result;
}

/**
 * After the pick of decode alone: whether prefill has begun elsewhere, so that the request waits.
 * `mayHold`: the gateway has room to hold its body.
 */
export function beginPrefill(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  mayHold: bool,
  atMs: f64,
): bool {
  const transfer = request.transfer;
  if (!mayBePrefilled(request.api) || request.wish.promptBytes === 0) return false;
  transfer.doneFlags |= wire.DONE_FLAG_DECIDED;
  notePlace(decode, pool, request, <u32>unchecked(picks.destinations[0]), atMs);
  if (!mayBeWorthIt(request, pool, ways)) return false;
  if (!pickPrefill(request, pool, ways, atMs)) return false;
  if (ways.decider === wire.DECIDE_TIME && !isWorthIt(request, pool, atMs)) return false;
  transfer.doneFlags |= wire.DONE_FLAG_DISAGGREGATED;
  if (mayHold) {
    // What the client must not say is gone before anything is made of its body.
    request.bodyBytes = applyEdits(request, request.heldBytes);
    if (callPrefill(request, pool, ways, atMs)) return true;
  } else {
    counters.prefillsUnheld++;
  }
  transfer.doneFlags |= wire.DONE_FLAG_PREFILL_FAILED;
  return false;
}

function mayBeWorthIt(request: Request, pool: Pool, ways: Disaggregation): bool {
  const uncached = decode.uncached / pool.bytesPerToken;
  const prompt = <f64>request.wish.promptBytes / pool.bytesPerToken;
  return mayDisaggregate(ways.decider, uncached, prompt, ways.firstParameter, ways.secondParameter);
}

/** By the numbers that the pick just made has left. */
function notePlace(place: Place, pool: Pool, request: Request, slot: u32, atMs: f64): void {
  const trust = table.trustAt(atMs);
  place.backlog = backlogBefore(pool, slot, trust);
  place.uncached = <f64>uncachedBytes(request.wish, unchecked(matchedKeys[slot]));
  place.writing = <f64>requestsOn(slot) - <f64>unansweredOn(slot);
  place.slowness = <f64>unchecked(table.slownessOf[slot]);
}

/** Names the prefill endpoints to try in order; those that no decode endpoint can follow are left out. */
function pickPrefill(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): bool {
  const transfer = request.transfer;
  const role = wire.ROLE_PREFILL;
  isDecodeForgotten = true;
  if (pickAs(request, pool, ways, role, ways.prefillProfile, NO_PARTNER, atMs) !== picks.PICKED) {
    return false;
  }
  explainPrefill(request, pool);
  transfer.prefillCount = 0;
  transfer.tried = 0;
  for (let i = 0; i < picks.destinationCount && transfer.prefillCount < ways.tries; i++) {
    const slot = unchecked(picks.destinations[i]);
    if (!hasPartner(pool, <u32>slot)) continue;
    unchecked((transfer.prefills[transfer.prefillCount++] = slot));
  }
  return transfer.prefillCount > 0;
}

function explainPrefill(request: Request, pool: Pool): void {
  if (!request.wantsExplanation) return;
  const buffer = takeExplanation();
  request.prefillExplanation = buffer;
  explain(buffer, pool, request.wish, request.stage);
}

function isWorthIt(request: Request, pool: Pool, atMs: f64): bool {
  const transfer = request.transfer;
  notePlace(prefill, pool, request, <u32>unchecked(transfer.prefills[0]), atMs);
  transfer.aloneBytes = bytesAlone(decode);
  const transferMs = transferMsOf(request.pool);
  transfer.elsewhereBytes = bytesElsewhere(prefill, transferMs, byteMsOf(request.pool));
  return transfer.aloneBytes > transfer.elsewhereBytes;
}

/** Calls the next of the request's prefill endpoints that can be; false where none is left. */
export function callPrefill(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): bool {
  const transfer = request.transfer;
  while (transfer.tried < transfer.prefillCount) {
    const slot = <u32>unchecked(transfer.prefills[transfer.tried++]);
    const connector = connectorOf(ways, slot);
    if (!hasRoomForLeg()) {
      counters.prefillsRefused++;
      return false;
    }
    const leads = choice.isWhereRouteLeads(pool, request.isByModel);
    findCluster(pool, leads);
    if (!buildLegHeaders(slot)) return false;
    if (!buildLegBody(request.bodyBytes, request.api, prefillMembers(connector))) return false;
    transfer.bodyStart = bodyStart;
    transfer.bodyHasMembers = bodyHasMembers;
    if (send(request, pool, slot, ways.timeoutMs, atMs)) return true;
  }
  return false;
}

function send(request: Request, pool: Pool, slot: u32, timeoutMs: u32, atMs: f64): bool {
  const token = call(
    destinationClusterAt(),
    destinationClusterBytes(),
    legHeaders.at,
    legHeaders.bytes,
    legBodyAt,
    legBodyBytes,
    timeoutMs,
  );
  if (token === 0) return false;
  const wish = request.wish;
  const leg = newLeg();
  leg.context = request.context;
  leg.pool = request.pool;
  leg.slot = slot;
  leg.promptBytes = wish.promptBytes;
  coverBy(wish.keyCount > 0 ? request.prompt : null);
  matchKeys(wish.keys, wish.keyCount, pool.slots, pool.slotCount);
  leg.matchedKeys = unchecked(matchedKeys[slot]);
  leg.uncachedBytes = <f64>uncachedBytes(wish, leg.matchedKeys);
  leg.aheadBytes = backlogInFlight(slot, table.trustAt(atMs));
  leg.startedMs = atMs;
  keepLeg(leg, token);
  request.leg = leg;
  request.phase = PREFILLING;
  countLeg(request, leg, pool, atMs);
  counters.prefills++;
  shareSoon(atMs);
  return true;
}
