// A prefill endpoint has answered, or one of decode that was asked first, or never will: the request goes
// on to decode, to the next prefill endpoint, to decode alone, or it gets an error.

import { LEG_STAGE_ENCODE } from "../../protocol/encoding-records.ts";
import * as reasons from "../../protocol/reasons.ts";
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { connectorOf, Disaggregation, disaggregationOf } from "../hints/disaggregation.ts";
import { Pool } from "../hints/pool.ts";
import * as table from "../hints/table.ts";
import { nowMs } from "../host/clock.ts";
import { setEffectiveContext } from "../host/stream.ts";
import { root } from "../root.ts";
import { takeLegKeysBack } from "./accounts.ts";
import { NO_PARTNER } from "./candidates.ts";
import { pickAsked } from "./decode-first.ts";
import { callPrefill, PREFILL_BEGUN, PREFILL_FAILED, PREFILL_JOINED } from "./disaggregation.ts";
import { beginWith } from "./edited-body.ts";
import { editsOf } from "./edited-response.ts";
import { takeEncoderAnswer } from "./encoded.ts";
import { beginByMeeting, endJoined } from "./joined.ts";
import { Leg } from "./leg.ts";
import {
  cachedTokens,
  forgetLegAnswer,
  isAboveThreshold,
  memberAt,
  memberBytes,
  readLegAnswer,
} from "./leg-answer.ts";
import { goTo, noteHealth, poolOf, readStatus, status } from "./leg-end.ts";
import { giveLegBack, releaseLeg, reportLeg, takeLeg } from "./legs.ts";
import { Request, requestOf } from "./live.ts";
import * as picks from "./pick.ts";
import { pickDecode, pickOwn } from "./pick-by-role.ts";
import { refuse } from "./refusal.ts";
import { EDIT_CACHED_TOKENS } from "./response-edits.ts";
import { askPlainAnswer } from "./rewrite.ts";
import { needsParameters } from "./transfer-members.ts";
import { learnPrefill } from "./transfer-times.ts";

const BRACE: u8 = 123;

/** Answers whether the call was a leg. */
export function takeLegAnswer(token: u32, bodyBytes: u32): bool {
  const leg = takeLeg(token);
  if (leg === null) return false;
  const atMs = nowMs();
  readStatus();
  if (leg.stage === LEG_STAGE_ENCODE) {
    takeEncoderAnswer(leg, bodyBytes, atMs);
    return true;
  }
  const pool = poolOf(leg);
  const ways = disaggregationOf(pool === null ? table.NO_POOL : leg.pool);
  const needs = !leg.isAsk && (ways === null || needsParameters(connectorOf(ways, leg.slot)));
  const outcome = outcomeOf(leg, bodyBytes, needs);
  const isServed = outcome === wire.LEG_SERVED;
  releaseLeg(leg);
  noteHealth(leg, atMs);
  if (isServed && pool !== null) {
    learnPrefill(leg.pool, leg.aheadBytes + leg.uncachedBytes, atMs - leg.startedMs);
  }
  // No request has the context 0.
  const request = requestOf(leg.context);
  const told = request === null ? wire.LEG_IN_VAIN : outcome;
  reportLeg(leg, told, status, atMs - leg.startedMs, isServed ? memberBytes : 0);
  if (request !== null) {
    request.leg = null;
    if (setEffectiveContext(request.context)) goOn(request, leg, pool, ways, outcome, atMs);
    setEffectiveContext(root);
  }
  giveLegBack(leg);
  return true;
}

function outcomeOf(leg: Leg, bodyBytes: u32, needs: bool): u32 {
  forgetLegAnswer();
  if (status !== 200) return wire.LEG_REFUSED;
  const hasParameters = readLegAnswer(bodyBytes);
  if (leg.isAsk) return isAboveThreshold ? wire.LEG_CACHED : wire.LEG_UNCACHED;
  return hasParameters || !needs ? wire.LEG_SERVED : wire.LEG_WITHOUT_PARAMETERS;
}

function goOn(
  request: Request,
  leg: Leg,
  pool: Pool | null,
  ways: Disaggregation | null,
  outcome: u32,
  atMs: f64,
): void {
  if (leg.isAsk) request.transfer.asked = outcome;
  else request.transfer.prefillMs += atMs - leg.startedMs;
  const isServed = outcome === wire.LEG_SERVED;
  if (!isServed && outcome !== wire.LEG_CACHED) takeLegKeysBack(request, leg);
  if (request.transfer.isJoined) endJoined(request, isServed, atMs);
  else if (pool === null) refuse(request, reasons.REASON_NO_ENDPOINTS);
  // The pool has ceased to disaggregate while the endpoint computed.
  else if (ways === null) goTo(request, pool, pickOwn(request, pool, atMs), atMs);
  else if (isServed) decodeAfter(request, pool, ways, leg, atMs);
  else if (leg.isAsk) goOnAsked(request, pool, ways, leg, outcome, atMs);
  else goOnWithout(request, pool, ways, atMs);
}

function goOnAsked(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  leg: Leg,
  outcome: u32,
  atMs: f64,
): void {
  if (pickAsked(request, pool, ways, leg, outcome, atMs)) {
    restoreCachedTokens(request);
    goTo(request, pool, picks.PICKED, atMs);
  } else {
    prefillNext(request, pool, ways, atMs);
  }
}

/** Prefill is done: decode gets its parameters, on the endpoint that is best at this moment. */
function decodeAfter(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  leg: Leg,
  atMs: f64,
): void {
  const transfer = request.transfer;
  let result = pickDecode(request, pool, ways, <i32>leg.slot, atMs);
  if (result === picks.PICKED) {
    transfer.doneFlags |= wire.DONE_FLAG_TRANSFERRED;
    transfer.prefill = leg.slot;
    transfer.sentMs = atMs;
    if (transfer.meeting !== 0) beginByMeeting(request);
    else if (memberBytes > 0) {
      store<u8>(memberAt - 1, BRACE);
      beginWith(request, memberAt - 1, memberBytes + 1);
    }
    restoreCachedTokens(request);
  } else {
    // Those that could take over are gone: any other computes the prompt anew.
    transfer.doneFlags |= wire.DONE_FLAG_PREFILL_FAILED;
    result = pickDecode(request, pool, ways, NO_PARTNER, atMs);
  }
  goTo(request, pool, result, atMs);
}

/**
 * Decode tells the whole prompt as cached, since it computes nothing of it. Clients are told what prefill
 * found in its cache, and 0 where it does not say, as llm-d's sidecar does.
 */
function restoreCachedTokens(request: Request): void {
  if (request.prompt.stream && !request.expectsUsage) return;
  askPlainAnswer();
  editsOf(request).replaceByNumber(EDIT_CACHED_TOKENS, cachedTokens);
}

function goOnWithout(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): void {
  counters.prefillsFailed++;
  prefillNext(request, pool, ways, atMs);
}

function prefillNext(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): void {
  const next = callPrefill(request, pool, ways, true, atMs);
  if (next === PREFILL_BEGUN) return;
  if (next === PREFILL_FAILED) request.transfer.doneFlags |= wire.DONE_FLAG_PREFILL_FAILED;
  if (next === PREFILL_JOINED) goTo(request, pool, picks.PICKED, atMs);
  else if (ways.failure === wire.FAILURE_ERROR) refuse(request, reasons.REASON_PREFILL);
  else goTo(request, pool, pickDecode(request, pool, ways, NO_PARTNER, atMs), atMs);
}
