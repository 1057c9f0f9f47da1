// The second half of a request's life: who served, when the first byte came, what it used.
import { isRefusal } from "../../protocol/reasons.ts";
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { noteAnswer } from "../hints/health.ts";
import * as table from "../hints/table.ts";
import { nowMs, recentMs } from "../host/clock.ts";
import {
  CONTENT_TYPE,
  isNamed,
  JSON_TYPE,
  nextHeader,
  RESPONSE_HEADERS,
  readHeaders,
  STATUS,
  setHeader,
  valueBegins,
  valueDigits,
} from "../host/headers.ts";
import { equals, Text } from "../host/memory.ts";
import {
  CODE_DETAILS,
  propertyAt,
  RESPONSE_FLAGS,
  readNumber,
  readProperty,
  UPSTREAM_ADDRESS,
} from "../host/properties.ts";
import { CONTINUE, STOP } from "../host/stream.ts";
import { countFailure, countRefusal, moveTo, releaseAll, releaseBacklog } from "./accounts.ts";
import { dropEdits, openToEdits, readResponse } from "./edited-response.ts";
import { giveBack } from "./explain.ts";
import { letGo } from "./held.ts";
import { holdsResponse } from "./joined.ts";
import { ANSWERED, APART, dropRequest, Request, requestOf, SENT } from "./live.ts";
import { giveSession } from "./named-headers.ts";
import { report } from "./report.ts";
import { endShadow } from "./shadow.ts";
import { learnTransfer } from "./transfer-times.ts";
import {
  countFailuresBefore,
  NOT_NAMED,
  noteReached,
  placeOfTried,
  reachesFirst,
  triesBegun,
} from "./tries.ts";
import { isOfSample } from "./usage-sample.ts";
import { endWaiting } from "./waiting.ts";

const CONTENT_ENCODING = new Text("content-encoding");
/** How many tries there were, if the route has Envoy say so. */
const ATTEMPT_COUNT = new Text("x-envoy-attempt-count");
const EVENT_STREAM = new Text("text/event-stream");
const VIA_UPSTREAM = new Text("via_upstream");
const ENDPOINT = new Text("x-hintway-endpoint");
const EXPLAIN = new Text("x-hintway-explain");
const EXPLAIN_PREFILL = new Text("x-hintway-explain-prefill");

// Envoy's response flags, bits of `response.flags`.
const REMOTE_RESET: u64 = 1 << 4;
const CONNECTION_FAILURE: u64 = 1 << 5;
const CONNECTION_TERMINATION: u64 = 1 << 6;
const CLIENT_GONE: u64 = 1 << 14;
const ENDPOINT_FAULTS: u64 = REMOTE_RESET | CONNECTION_FAILURE | CONNECTION_TERMINATION;

let isEventStream: bool = false;
let isReadable: bool = false;
let isEncoded: bool = false;
/** 0: not told. */
let tries: u32 = 0;

export function onResponseHeaders(context: u32, isEnd: bool): u32 {
  const request = requestOf(context);
  if (request === null || request.phase !== SENT) return CONTINUE;
  request.phase = ANSWERED;
  endWaiting(request);
  request.isComplete = isEnd;
  takeHeaders(request);
  const isLocal = request.status >= 500 && isLocalReply();
  if (request.isShadow) endShadow(request, isLocal);
  else if (isLocal) failed(request, placeOfServer(request));
  else served(request, placeOfServer(request));
  if (isEventStream) request.doneFlags |= wire.DONE_FLAG_STREAMED;
  if (request.edits !== null) takeEdits(request);
  const isWanted = !isEventStream || request.expectsUsage || request.edits !== null;
  request.readsUsage = isReadable && (isWanted || isOfSample());
  if (request.readsUsage) request.usage.begin(isEventStream, request.edits);
  giveExplanation(request);
  return holdsResponse(request, isEnd) ? STOP : CONTINUE;
}

/** An answer that is compressed in spite of its request, or is none, passes as it is. */
function takeEdits(request: Request): void {
  if (isReadable) openToEdits();
  else dropEdits(request, isEncoded);
}

/** Status, content type and tries, in one call to the host. */
function takeHeaders(request: Request): void {
  isEventStream = false;
  isReadable = false;
  isEncoded = false;
  tries = 0;
  readHeaders(RESPONSE_HEADERS);
  while (nextHeader()) {
    if (isNamed(STATUS)) request.status = valueDigits();
    else if (isNamed(CONTENT_TYPE)) {
      isEventStream = valueBegins(EVENT_STREAM);
      isReadable = isEventStream || valueBegins(JSON_TYPE);
    } else if (isNamed(CONTENT_ENCODING)) isEncoded = true;
    else if (isNamed(ATTEMPT_COUNT)) tries = valueDigits();
  }
  if (isEncoded || request.status !== 200) isReadable = false;
}

// ---- who served ---------------------------------------------------------------------------------

function placeOfServer(request: Request): i32 {
  if (tries === 1 && request.status < 500 && reachesFirst(request, recentMs)) return 0;
  const place = placeOfTried(request);
  if (place === 0) noteReached(request, recentMs);
  return place === NOT_NAMED ? placeBesides(request) : place;
}

/** The endpoint is not in the destination: the pick had no effect. Its place is put at the end. */
function placeBesides(request: Request): i32 {
  const bytes = readProperty(UPSTREAM_ADDRESS);
  if (bytes === 0) return NOT_NAMED;
  const at = propertyAt();
  counters.picksWithoutEffect++;
  request.doneFlags |= wire.DONE_FLAG_NO_EFFECT;
  const pool = unchecked(table.pools[request.pool]);
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    if (!table.isAddressOf(slot, at, bytes)) continue;
    const last = request.destinationCount - 1;
    unchecked((request.destinations[last] = slot));
    return last;
  }
  return NOT_NAMED;
}

/** Whether Envoy wrote the response, after its tries failed or instead of trying. */
function isLocalReply(): bool {
  const bytes = readProperty(CODE_DETAILS);
  return !equals(propertyAt(), bytes, VIA_UPSTREAM);
}

/** Those named before the one that served have failed, if they were tried. */
function served(request: Request, place: i32): void {
  if (place < 0) return;
  const slot = <u32>unchecked(request.destinations[place]);
  const hadEffect = (request.doneFlags & wire.DONE_FLAG_NO_EFFECT) === 0;
  // An endpoint that Envoy has not been told of yet is passed over, and has not failed.
  if ((place > 0 || !hadEffect) && beganTries() !== 1) {
    counters.requestsRetried++;
    request.doneFlags |= wire.DONE_FLAG_RETRIED;
    // Of several named in vain none was tried; a single one was tried first.
    if (hadEffect) countFailuresBefore(request, place, nowMs());
    else if (place === 0) countFailure(request.slot, nowMs());
  }
  if (slot !== request.slot) moveTo(request, slot);
  if (request.status >= 400) countRefusal(request);
  noteAnswer(slot, request.status, recentMs);
  const pool = unchecked(table.pools[request.pool]);
  giveSession(pool, slot);
}

function beganTries(): u64 {
  return tries > 0 ? <u64>tries : triesBegun();
}

/** Envoy answered in the endpoints' stead. */
function failed(request: Request, place: i32): void {
  request.doneFlags |= wire.DONE_FLAG_LOCAL;
  if ((readNumber(RESPONSE_FLAGS) & ENDPOINT_FAULTS) === 0) return;
  const hadEffect = (request.doneFlags & wire.DONE_FLAG_NO_EFFECT) === 0;
  // Of those named, only the one that took the last one's place has been tried.
  if (!hadEffect) request.failedCount = place === NOT_NAMED ? request.destinationCount : place;
  countFailuresBefore(request, max(place, 0) + 1, nowMs());
}

function giveExplanation(request: Request): void {
  const explanation = request.explanation;
  if (explanation === null) return;
  const slot = request.slot;
  // In shadow mode it may be none of the pool's.
  if (request.isCounted) {
    setHeader(RESPONSE_HEADERS, ENDPOINT, table.addressAt(slot), table.addressBytes(slot));
  }
  setHeader(RESPONSE_HEADERS, EXPLAIN, explanation.at, explanation.bytes);
  const prefill = request.prefillExplanation;
  if (prefill !== null) setHeader(RESPONSE_HEADERS, EXPLAIN_PREFILL, prefill.at, prefill.bytes);
}

// ---- body and end -------------------------------------------------------------------------------

export function onResponseBody(context: u32, bytes: u32, isEnd: bool): void {
  const request = requestOf(context);
  if (request === null || request.phase !== ANSWERED) return;
  request.isResponseHeld = false;
  if (isEnd) request.isComplete = true;
  if (bytes === 0) return;
  if (!request.hasFirstByte) {
    request.hasFirstByte = true;
    request.firstByteMs = nowMs();
    releaseBacklog(request);
    noteTransfer(request);
  }
  if (request.readsUsage) readResponse(request, bytes);
}

/** Of a streamed answer the first byte tells that decode has got what prefill computed. */
function noteTransfer(request: Request): void {
  const sentMs = request.transfer.sentMs;
  if (sentMs === 0 || (request.doneFlags & wire.DONE_FLAG_STREAMED) === 0) return;
  if (request.status === 200) learnTransfer(request.pool, request.firstByteMs - sentMs);
}

export function onDone(context: u32): void {
  const request = requestOf(context);
  if (request === null) return;
  letGo(request);
  leaveLeg(request);
  endWaiting(request);
  const atMs = nowMs();
  if (request.phase === ANSWERED && !request.isComplete) noteCut(request, atMs);
  releaseAll(request);
  if (request.phase !== APART || isRefusal(request.reason)) report(request, atMs);
  const explanation = request.explanation;
  if (explanation !== null) {
    giveBack(explanation);
    request.explanation = null;
  }
  dropEdits(request, false);
  const prefill = request.prefillExplanation;
  if (prefill !== null) {
    giveBack(prefill);
    request.prefillExplanation = null;
  }
  request.prompt.release();
  dropRequest(request);
}

/** The prefill endpoint computes on, for nobody. */
function leaveLeg(request: Request): void {
  const leg = request.leg;
  if (leg === null) return;
  leg.context = 0;
  request.leg = null;
}

/** The endpoint broke off a response it had begun, which cannot be retried. A client that hangs up is not counted. */
function noteCut(request: Request, atMs: f64): void {
  const isTold = request.readsUsage && request.usage.complete;
  const flags = readNumber(RESPONSE_FLAGS);
  if (isTold || flags === 0 || (flags & CLIENT_GONE) !== 0) return;
  counters.streamsCut++;
  request.doneFlags |= wire.DONE_FLAG_CUT;
  const isKnown = request.destinationCount > 0;
  if (isKnown && (flags & ENDPOINT_FAULTS) !== 0) countFailure(request.slot, atMs);
}
