// A request of a pool that disaggregates: whether its prompt is read on a prefill endpoint first, and
// what comes of that. While a prefill endpoint reads it, the request is held, unless its connector has both
// asked at once (joined.ts):
//
//   decode pick ─▶ decider ─▶ prefill pick ─▶ call ─▶ answer ─▶ body patched ─▶ decode pick ─▶ sent
//        │            │no           │none        │no room, too long, or failed: the next one, until
//        │            │             │            │none is left
//        └────────────┴─────────────┤            ▼
//                                   └──▶ decode alone, ◀── or an error where the pool asks
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { connectorOf, Disaggregation, hasPartner, hasRole } from "../hints/disaggregation.ts";
import { requestsOn, unansweredOn } from "../hints/flight.ts";
import { isUp } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import * as table from "../hints/table.ts";
import { isLastResort } from "./candidates.ts";
import { uncachedBytes } from "./cover.ts";
import { bytesAlone, bytesElsewhere, mayDisaggregate, Place } from "./decider.ts";
import { askDecode } from "./decode-first.ts";
import { editOnce } from "./edited-body.ts";
import { explain, takeExplanation } from "./explain.ts";
import { join } from "./joined.ts";
import { asksForMany, bodyHasMembers, bodyStart, buildLegBody } from "./leg-body.ts";
import { callLeg } from "./leg-call.ts";
import { hasRoomForLeg } from "./legs.ts";
import { Request } from "./live.ts";
import { backlogBefore } from "./load-before.ts";
import { nextMeeting } from "./meeting-id.ts";
import * as picks from "./pick.ts";
import { pickDecode, pickPrefill } from "./pick-by-role.ts";
import { API_SGLANG_GENERATE, generates } from "./prompt-api.ts";
import { Transfer } from "./transfer.ts";
import {
  decodesAlone,
  isConcurrent,
  isKnown,
  limitsItself,
  meets,
  prefillMembers,
  servesMany,
} from "./transfer-members.ts";
import { byteMsOf, transferMsOf } from "./transfer-times.ts";

// What has become of prefill before the request goes on to decode.
/** It is not to be done elsewhere. */
const PREFILL_UNWANTED: u32 = 0;
/** It has begun, and the request waits. */
export const PREFILL_BEGUN: u32 = 1;
/** It has begun, and the request goes to decode at once: to what was picked last. */
export const PREFILL_JOINED: u32 = 2;
/** It was to be done elsewhere, and is not. */
export const PREFILL_FAILED: u32 = 3;
/** It would be done elsewhere, and the request is to be served only where it need not be. */
export const PREFILL_DECLINED: u32 = 4;
/** One endpoint could not be asked; another may be. */
const PREFILL_PASSED_OVER: u32 = 5;

const decode = new Place();
const prefill = new Place();

/** After the pick of decode alone: whether that endpoint serves no request whose prompt it has to read. */
export function needsPrefill(request: Request, ways: Disaggregation): bool {
  return mayBePrefilled(request, ways) && !decodesAlone(connectorOfDecode(ways));
}

function mayBePrefilled(request: Request, ways: Disaggregation): bool {
  if (request.wish.promptBytes === 0 || !generates(request.api)) return false;
  return request.api !== API_SGLANG_GENERATE || connectorOfDecode(ways) === wire.CONNECTOR_SGLANG;
}

function connectorOfDecode(ways: Disaggregation): u32 {
  return connectorOf(ways, <u32>unchecked(picks.destinations[0]));
}

/**
 * After the pick of decode alone. `isNeeded`: it is of no use, and nothing is to be decided. `mayHold`:
 * the gateway has room to hold the request's body.
 */
export function beginPrefill(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  isNeeded: bool,
  mayHold: bool,
  atMs: f64,
): u32 {
  const transfer = request.transfer;
  if (!mayBePrefilled(request, ways)) return PREFILL_UNWANTED;
  transfer.doneFlags |= wire.DONE_FLAG_DECIDED;
  const decodeSlot = <u32>unchecked(picks.destinations[0]);
  notePlace(decode, pool, request, decodeSlot, atMs);
  if (!isNeeded && !mayBeWorthIt(request, pool, ways)) return PREFILL_UNWANTED;
  const isByTime = !isNeeded && ways.decider === wire.DECIDE_TIME;
  // Those who ask so have their own way to prefill, whatever endpoints this pool has for it.
  if (request.isIfAvailable && !isByTime) return decline(transfer);
  if (!namePrefills(request, pool, ways, isNeeded, atMs)) return PREFILL_UNWANTED;
  // The best endpoint for both has nothing to fetch from another.
  if (<u32>unchecked(transfer.prefills[0]) === decodeSlot) return PREFILL_UNWANTED;
  if (isByTime && !isWorthIt(request, pool, atMs)) return PREFILL_UNWANTED;
  if (request.isIfAvailable) return decline(transfer);
  transfer.doneFlags |= wire.DONE_FLAG_DISAGGREGATED;
  // What the client must not say is gone before anything is made of its body.
  editOnce(request);
  if (mayHold && askDecode(request, pool, ways, decodeSlot, atMs)) return PREFILL_BEGUN;
  const result = callPrefill(request, pool, ways, mayHold, atMs);
  if (result === PREFILL_FAILED) transfer.doneFlags |= wire.DONE_FLAG_PREFILL_FAILED;
  if (result === PREFILL_UNWANTED) transfer.doneFlags &= ~wire.DONE_FLAG_DISAGGREGATED;
  return result;
}

/** Nothing is computed: there is no decision to count. */
function decline(transfer: Transfer): u32 {
  transfer.doneFlags = 0;
  return PREFILL_DECLINED;
}

function mayBeWorthIt(request: Request, pool: Pool, ways: Disaggregation): bool {
  const uncached = decode.uncached / pool.bytesPerToken;
  const prompt = <f64>request.wish.promptBytes / pool.bytesPerToken;
  return mayDisaggregate(
    ways.decider,
    uncached,
    prompt,
    ways.firstParameter,
    ways.secondParameter,
    request.prompt.hasMedia,
  );
}

/** By the numbers that the pick just made has left. */
function notePlace(place: Place, pool: Pool, request: Request, slot: u32, atMs: f64): void {
  const trust = table.trustAt(atMs);
  place.backlog = backlogBefore(pool, slot, trust);
  place.uncached = <f64>uncachedBytes(request.wish, unchecked(matchedKeys[slot]));
  place.writing = <f64>requestsOn(slot) - <f64>unansweredOn(slot);
  place.slowness = <f64>unchecked(table.slownessOf[slot]);
}

/**
 * Names the prefill endpoints to try in order; none where all are held to be failing, since a request
 * that decodes alone is better served. One that cannot has them as its last resort.
 */
function namePrefills(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  isNeeded: bool,
  atMs: f64,
): bool {
  const transfer = request.transfer;
  if (pickPrefill(request, pool, ways, atMs) !== picks.PICKED) return false;
  if (isLastResort && !isNeeded) return false;
  explainPrefill(request, pool);
  transfer.prefillCount = min(picks.destinationCount, ways.tries);
  transfer.nextPrefill = 0;
  for (let i = 0; i < transfer.prefillCount; i++) {
    const slot = unchecked(picks.destinations[i]);
    unchecked((transfer.prefills[i] = slot));
    unchecked((transfer.tenancies[i] = table.tenancyOf[slot]));
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

/**
 * Calls the next of the request's prefill endpoints that can be, and picks decode beside it where both
 * are asked at once; PREFILL_FAILED where none is left, PREFILL_UNWANTED where it cannot serve the request.
 */
export function callPrefill(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  mayHold: bool,
  atMs: f64,
): u32 {
  const transfer = request.transfer;
  if (!hasRoomForLeg(request.bodyBytes)) {
    counters.prefillsRefused++;
    return PREFILL_FAILED;
  }
  while (transfer.nextPrefill < transfer.prefillCount) {
    const place = transfer.nextPrefill++;
    if (!mayStillPrefill(request, pool, ways, place)) continue;
    const slot = <u32>unchecked(transfer.prefills[place]);
    const result = callOn(request, pool, ways, slot, mayHold, atMs);
    if (result !== PREFILL_PASSED_OVER) return result;
  }
  return PREFILL_FAILED;
}

function callOn(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  slot: u32,
  mayHold: bool,
  atMs: f64,
): u32 {
  const connector = connectorOf(ways, slot);
  const joins = isConcurrent(connector);
  if (!joins && !mayHold) {
    counters.prefillsUnheld++;
    return PREFILL_FAILED;
  }
  if (!isKnown(connector, slot)) return PREFILL_PASSED_OVER;
  if (joins && pickDecode(request, pool, ways, <i32>slot, atMs) !== picks.PICKED) {
    return PREFILL_PASSED_OVER;
  }
  if (!buildBody(request, slot, connector)) return PREFILL_FAILED;
  if (asksForMany && !servesMany(connector)) return PREFILL_UNWANTED;
  if (!callLeg(request, pool, slot, false, ways.timeoutMs, atMs)) return PREFILL_PASSED_OVER;
  request.transfer.tried++;
  counters.prefills++;
  if (!joins) return PREFILL_BEGUN;
  join(request, slot);
  return PREFILL_JOINED;
}

function buildBody(request: Request, slot: u32, connector: u32): bool {
  const transfer = request.transfer;
  transfer.connector = connector;
  // A number that was used in vain may have been seen: the next endpoint gets another.
  transfer.meeting = meets(connector) ? nextMeeting() : 0;
  const members = prefillMembers(connector, slot, transfer.meeting);
  const isLimited = !limitsItself(connector);
  if (!buildLegBody(request.bodyBytes, request.api, members, isLimited)) return false;
  transfer.bodyStart = bodyStart;
  transfer.bodyHasMembers = bodyHasMembers;
  return true;
}

/** While another endpoint was asked, the table may have become another. */
function mayStillPrefill(request: Request, pool: Pool, ways: Disaggregation, place: i32): bool {
  const transfer = request.transfer;
  const slot = <u32>unchecked(transfer.prefills[place]);
  if (unchecked(table.tenancyOf[slot]) !== unchecked(transfer.tenancies[place])) return false;
  if (unchecked(table.poolOf[slot]) !== request.pool || !isUp(slot)) return false;
  if (ways.hasRoles && !hasRole(slot, wire.ROLE_PREFILL)) return false;
  return hasPartner(pool, slot);
}
