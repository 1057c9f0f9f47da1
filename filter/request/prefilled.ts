// A prefill endpoint has answered, or never will: the request goes on to decode, to the next prefill
// endpoint, to decode alone, or it gets an error.
import { TRANSFER_BYTES_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { connectorOf, Disaggregation, disaggregationOf } from "../hints/disaggregation.ts";
import { noteAnswer } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import * as table from "../hints/table.ts";
import { putInFront } from "../host/buffers.ts";
import { nowMs } from "../host/clock.ts";
import {
  CALLOUT_RESPONSE_HEADERS,
  nameAt,
  nameBytes,
  nextHeader,
  readHeaders,
  valueAt,
  valueBytes,
} from "../host/headers.ts";
import { equals, Text } from "../host/memory.ts";
import { continueRequest, setEffectiveContext } from "../host/stream.ts";
import { root } from "../root.ts";
import { TextBuffer } from "../text-buffer.ts";
import { countFailure, takeLegKeysBack } from "./accounts.ts";
import { NO_PARTNER } from "./candidates.ts";
import { callPrefill, pickDecode } from "./disaggregation.ts";
import { tellLength } from "./edited-body.ts";
import { editsOf } from "./edited-response.ts";
import { Leg } from "./leg.ts";
import { cachedTokens, memberAt, memberBytes, readLegAnswer } from "./leg-answer.ts";
import { giveLegBack, releaseLeg, reportLeg, takeLeg } from "./legs.ts";
import { APART, Request, requestOf } from "./live.ts";
import * as picks from "./pick.ts";
import * as replies from "./replies.ts";
import { EDIT_CACHED_TOKENS } from "./response-edits.ts";
import { askPlainAnswer } from "./rewrite.ts";
import { letGo, refusePick, sendPicked } from "./stream.ts";
import { needsParameters } from "./transfer-members.ts";
import { learnPrefill } from "./transfer-times.ts";

const STATUS = new Text(":status");
const CONTENT_TYPE = new Text("content-type");
const JSON_TYPE = new Text("application/json");
const BRACE: u8 = 123;
const COMMA: u8 = 44;
/** Room for the member, the brace before it and the comma behind it. */
const front = new TextBuffer(TRANSFER_BYTES_MAX + 2);

let status: u32 = 0;
let isJson: bool = false;

/** Answers whether the call was a leg. */
export function takeLegAnswer(token: u32, bodyBytes: u32): bool {
  const leg = takeLeg(token);
  if (leg === null) return false;
  const atMs = nowMs();
  readStatus();
  const ways = disaggregationOf(leg.pool);
  const needs = ways === null || needsParameters(connectorOf(ways, leg.slot));
  const outcome = outcomeOf(bodyBytes, needs);
  releaseLeg(leg);
  noteHealth(leg, atMs);
  if (outcome === wire.LEG_SERVED) {
    learnPrefill(leg.pool, leg.aheadBytes + leg.uncachedBytes, atMs - leg.startedMs);
  }
  // No request has the context 0.
  const request = requestOf(leg.context);
  const told = request === null ? wire.LEG_IN_VAIN : outcome;
  reportLeg(leg, told, status, atMs - leg.startedMs, memberBytes);
  if (request !== null && setEffectiveContext(request.context)) {
    request.leg = null;
    goOn(request, leg, ways, outcome, atMs);
    setEffectiveContext(root);
  }
  giveLegBack(leg);
  return true;
}

function readStatus(): void {
  status = 0;
  isJson = false;
  readHeaders(CALLOUT_RESPONSE_HEADERS);
  while (nextHeader()) {
    if (equals(nameAt, nameBytes, STATUS)) {
      for (let i: u32 = 0; i < min(valueBytes, 3); i++) {
        status = status * 10 + load<u8>(valueAt + i) - 48;
      }
    } else if (equals(nameAt, nameBytes, CONTENT_TYPE)) {
      isJson =
        valueBytes >= JSON_TYPE.bytes &&
        memory.compare(valueAt, JSON_TYPE.at, JSON_TYPE.bytes) === 0;
    }
  }
}

function outcomeOf(bodyBytes: u32, needs: bool): u32 {
  const isServed = status === 200;
  const hasParameters = isServed && readLegAnswer(bodyBytes);
  if (!isServed) return wire.LEG_REFUSED;
  return hasParameters || !needs ? wire.LEG_SERVED : wire.LEG_WITHOUT_PARAMETERS;
}

/** What Envoy answers in an endpoint's stead (503, 504) is text; engines' errors are JSON. */
function noteHealth(leg: Leg, atMs: f64): void {
  if (unchecked(table.tenancyOf[leg.slot]) !== leg.tenancy) return;
  const isSilent = status === 0 || ((status === 503 || status === 504) && !isJson);
  if (isSilent) countFailure(leg.slot, atMs);
  else noteAnswer(leg.slot, status, atMs);
}

function goOn(
  request: Request,
  leg: Leg,
  ways: Disaggregation | null,
  outcome: u32,
  atMs: f64,
): void {
  const pool = unchecked(table.pools[request.pool]);
  request.transfer.prefillMs += atMs - leg.startedMs;
  if (ways === null || !pool.isUsed) {
    // The pool has ceased to disaggregate, or to be, while the endpoint computed.
    refuseOrSend(request, pool, picks.pick(pool, request.wish, atMs), atMs);
  } else if (outcome === wire.LEG_SERVED) {
    decodeAfter(request, pool, ways, leg, atMs);
  } else {
    takeLegKeysBack(request, leg);
    goOnWithout(request, pool, ways, atMs);
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
    if (memberBytes > 0) putMember(request);
    restoreCachedTokens(request);
  } else {
    // Those that could take over are gone: any other computes the prompt anew.
    transfer.doneFlags |= wire.DONE_FLAG_PREFILL_FAILED;
    result = pickDecode(request, pool, ways, NO_PARTNER, atMs);
  }
  refuseOrSend(request, pool, result, atMs);
}

/** The body's first brace becomes the brace, the member and a comma: the rest stays where it is. */
function putMember(request: Request): void {
  const transfer = request.transfer;
  front.clear();
  front.addByte(BRACE);
  front.add(memberAt, memberBytes);
  if (transfer.bodyHasMembers) front.addByte(COMMA);
  putInFront(transfer.bodyStart, front.at, front.bytes);
  tellLength(request, request.bodyBytes - transfer.bodyStart + front.bytes);
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
  if (callPrefill(request, pool, ways, atMs)) return;
  request.transfer.doneFlags |= wire.DONE_FLAG_PREFILL_FAILED;
  if (ways.failure === wire.FAILURE_ERROR) {
    letGo(request);
    request.phase = APART;
    counters.rejectedPrefill++;
    replies.replyPrefillFailed.send();
    return;
  }
  refuseOrSend(request, pool, pickDecode(request, pool, ways, NO_PARTNER, atMs), atMs);
}

function refuseOrSend(request: Request, pool: Pool, result: u32, atMs: f64): void {
  letGo(request);
  if (result !== picks.PICKED) {
    refusePick(request, pool, result);
    return;
  }
  sendPicked(request, pool, atMs);
  continueRequest();
}
