// A request's life, from its headers to the end of its response: the one state machine.
//
//   READING ──pick──▶ SENT ──response headers──▶ ANSWERED ──▶ done
//      │  └─▶ PREFILLING ──▲
//      └──── refused, or none of ours ──▶ APART ──▶ done

import { BLOCK_BYTES_MAX, POOLS_MAX } from "../../protocol/limits.ts";
import * as reasons from "../../protocol/reasons.ts";
import {
  DONE_FLAG_LOCAL,
  DONE_FLAG_SHADOW,
  DONE_FLAG_TRANSFERRED,
  SETTINGS_FLAG_EXPLAIN,
} from "../../protocol/records.ts";
import { priorityOf } from "../hints/admission.ts";
import { counters } from "../hints/counters.ts";
import { Disaggregation, disaggregationOf } from "../hints/disaggregation.ts";
import { modelsText, modelsTextBytes } from "../hints/models.ts";
import { Pool } from "../hints/pool.ts";
import { shareSoon } from "../hints/sharing.ts";
import * as table from "../hints/table.ts";
import { bufferAt, REQUEST_BODY, readBuffer, SLICE_BYTES } from "../host/buffers.ts";
import { nowMs, recentMs } from "../host/clock.ts";
import { CONTINUE, STOP, STOP_AND_BUFFER } from "../host/stream.ts";
import { logPick } from "./access-log.ts";
import { countPick, countTransferred } from "./accounts.ts";
import { isTurnedAway } from "./admission.ts";
import { NO_PARTNER } from "./candidates.ts";
import { coverBy } from "./cover.ts";
import { nameCluster, nameInFilterState, nameInHeader } from "./destination.ts";
import { beginPrefill, isDecodeForgotten, pickDecode } from "./disaggregation.ts";
import { applyEdits, beginEdits } from "./edited-body.ts";
import * as headers from "./headers.ts";
import { APART, PREFILLING, READING, Request, requestOf, SENT, takeRequest } from "./live.ts";
import { refuseModel } from "./model-refusal.ts";
import * as modes from "./modes.ts";
import * as picks from "./pick.ts";
import { noteResult } from "./pick-notes.ts";
import * as choice from "./pool-choice.ts";
import { API_NONE } from "./prompt.ts";
import * as replies from "./replies.ts";
import { openToRewrites, rewriteModel } from "./rewrite.ts";
import { keepParts } from "./score.ts";
import { countServer } from "./shadow.ts";
import { tellsUnasked } from "./usage-sample.ts";
import { beginWaiting } from "./waiting.ts";

/** Attachment A holds the request by itself; B leaves that to the buffer filter behind it. */
let holdsHeaders: bool = true;
/** Of what may be held, for requests that wait for prefill: others have to be read meanwhile. */
const HELD_SHARE: f64 = 0.5;
/** Bytes of bodies held by this worker for requests not yet picked. */
let heldBytes: f64 = 0;

export function setAttachment(pauses: bool): void {
  holdsHeaders = pauses;
}

// ---- request ------------------------------------------------------------------------------------

export function onRequestHeaders(context: u32, isEnd: bool): u32 {
  const number = choice.poolOfRoute();
  const pool = poolAt(number);
  if (modes.isOff() && number !== choice.BY_MODEL) return passHeaders(pool);
  const request = takeRequest(context, nowMs());
  request.pool = number;
  request.isByModel = number === choice.BY_MODEL;
  headers.takeRequestHeaders(pool, request.wish);
  request.api = number === table.NO_POOL ? API_NONE : headers.api;
  const mayExplain = (table.settings.flags & SETTINGS_FLAG_EXPLAIN) !== 0;
  request.wantsExplanation = headers.wantsExplanation && mayExplain;
  const isHopeless = number === table.NO_POOL && !holdsHeaders;
  if (isEnd && request.isByModel && answersModels()) return answerModels(request);
  if (isEnd || headers.isUpgrade || isHopeless) return choose(request) ? CONTINUE : STOP;
  request.tellsLength = holdsHeaders && headers.contentBytes > 0;
  request.namesTarget = headers.namesTarget;
  if (headers.contentBytes > <f64>table.settings.bodyBytesMax) return refuseLarge(request);
  // Every body is walked, whatever its path and headers claim: what may not come from a client has
  // to be found. The API decides which prompt is read.
  request.blockBytes = blockBytesOf(pool);
  openToRewrites(request, holdsHeaders);
  request.prompt.begin(request.api, request.blockBytes, table.settings.walkBytesMax);
  return holdsHeaders ? STOP : CONTINUE;
}

/** The filter is switched off: only what clients may not say is taken out of the headers. */
function passHeaders(pool: Pool | null): u32 {
  headers.stripHeaders();
  return passBy(pool, false, recentMs) ? CONTINUE : STOP;
}

function poolAt(number: u32): Pool | null {
  return number < POOLS_MAX ? unchecked(table.pools[number]) : null;
}

/** The control plane tells one size for all pools, so that it is known before the model is. */
function blockBytesOf(pool: Pool | null): u32 {
  const known = pool === null ? poolAt(table.firstPool()) : pool;
  return known === null ? BLOCK_BYTES_MAX : known.blockBytes;
}

function answersModels(): bool {
  return choice.modelsDecide() && modelsTextBytes() > 0 && headers.asksForModels();
}

function answerModels(request: Request): u32 {
  setApart(request);
  replies.replyModels(modelsText(), modelsTextBytes());
  return STOP;
}

function refuseLarge(request: Request): u32 {
  counters.rejectedTooLarge++;
  setApart(request);
  replies.replyTooLarge(table.settings.bodyBytesMax);
  return STOP;
}

function setApart(request: Request): void {
  request.phase = APART;
  letGo(request);
}

/** The body is no longer this worker's to hold. */
export function letGo(request: Request): void {
  heldBytes -= <f64>request.heldBytes;
  request.heldBytes = 0;
}

export function onRequestBody(context: u32, bytes: u32, isEnd: bool): u32 {
  const request = requestOf(context);
  if (request === null || request.phase !== READING) return CONTINUE;
  if (bytes > table.settings.bodyBytesMax) return refuseLarge(request);
  heldBytes += <f64>(bytes - request.heldBytes);
  request.heldBytes = bytes;
  if (heldBytes > <f64>table.settings.heldBytesMax) {
    counters.rejectedHeldBytes++;
    setApart(request);
    replies.replyHeldBytes.send();
    return STOP_AND_BUFFER;
  }
  walkTo(request, bytes);
  // What is not JSON need not be held to its end: nothing can be read or hidden in it.
  if (!isEnd && request.prompt.readable) return STOP_AND_BUFFER;
  return finishBody(request) ? CONTINUE : STOP_AND_BUFFER;
}

export function onRequestTrailers(context: u32): u32 {
  const request = requestOf(context);
  if (request === null || request.phase !== READING) return CONTINUE;
  return finishBody(request) ? CONTINUE : STOP;
}

/**
 * Walks what arrived since the last call; each byte is copied out of the host once. Beyond the bytes
 * that are hashed the walk goes on, since a member to be blanked may stand anywhere.
 */
function walkTo(request: Request, bytes: u32): void {
  while (request.walkedBytes < bytes) {
    const start = request.walkedBytes;
    const read = readBuffer(REQUEST_BODY, start, min(SLICE_BYTES, bytes - start));
    if (read === 0) return;
    request.prompt.walk(bufferAt(), read);
    request.walkedBytes = start + read;
  }
}

function finishBody(request: Request): bool {
  const prompt = request.prompt;
  prompt.finish();
  if (prompt.mayHideMembers) {
    counters.rejectedBadBody++;
    setApart(request);
    replies.replyBadBody.send();
    return false;
  }
  const bytes = request.heldBytes;
  beginEdits(prompt);
  const wish = request.wish;
  wish.modelName = rewriteModel(request, holdsHeaders);
  prompt.makeKeys(wish.modelName);
  if (prompt.truncated) counters.bodiesTruncated++;
  if (prompt.readable) {
    wish.keys = prompt.keys;
    wish.keyCount = prompt.keyCount;
    wish.promptBytes = prompt.promptBytes;
    request.expectsUsage = prompt.asksUsage || tellsUnasked(request.api);
  } else if (request.api !== API_NONE) {
    request.isUnread = true;
    counters.bodiesUnreadable++;
  }
  if (!choose(request)) return false;
  applyEdits(request, bytes);
  return true;
}

// ---- the pick -----------------------------------------------------------------------------------

/** Picks and sets the destination; false when the filter has answered instead, or the request waits. */
function choose(request: Request): bool {
  const isSent = pickAndSend(request);
  if (request.phase !== PREFILLING) letGo(request);
  return isSent;
}

function pickAndSend(request: Request): bool {
  if (request.isByModel && !chooseByModel(request)) return false;
  if (request.pool === table.NO_POOL) return passWithoutHints(request);
  const pool = unchecked(table.pools[request.pool]);
  // Not when the request began: its body may have taken long to come.
  const atMs = recentMs;
  if (modes.isOff()) {
    request.phase = APART;
    return passBy(pool, request.isByModel, atMs);
  }
  request.stage = table.stageAt(atMs);
  if (isShed(request, atMs)) {
    logPick(request);
    return modes.isShadow() ? sendInShadow(request, pool, atMs) : refuse(request);
  }
  coverBy(request.wish.keyCount > 0 ? request.prompt : null);
  keepParts(request.wantsExplanation);
  const ways = disaggregationOf(request.pool);
  if (ways !== null && !modes.isShadow()) return pickInPhases(request, pool, ways, atMs);
  const result = picks.pick(pool, request.wish, atMs);
  noteResult(request, pool, result);
  if (modes.isShadow()) return sendInShadow(request, pool, atMs);
  return result === picks.PICKED ? send(request, pool, atMs) : refuse(request);
}

/** The request goes to the endpoints picked last. */
export function sendPicked(request: Request, pool: Pool, atMs: f64): bool {
  noteResult(request, pool, picks.PICKED);
  return send(request, pool, atMs);
}

export function refusePick(request: Request, pool: Pool, result: u32): bool {
  noteResult(request, pool, result);
  return refuse(request);
}

/** Under attachment B a request cannot be held for a call: it decodes alone. */
function pickInPhases(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): bool {
  if (request.isUnread) return refuseUnread(request);
  const result = pickDecode(request, pool, ways, NO_PARTNER, atMs);
  if (result !== picks.PICKED) return refusePick(request, pool, result);
  if (holdsHeaders) {
    const mayHold = heldBytes <= HELD_SHARE * <f64>table.settings.heldBytesMax;
    if (beginPrefill(request, pool, ways, mayHold, atMs)) return false;
    if (isDecodeForgotten) pickDecode(request, pool, ways, NO_PARTNER, atMs);
  }
  return sendPicked(request, pool, atMs);
}

/** What cannot be read could tell a model server to fetch from anywhere. */
function refuseUnread(request: Request): bool {
  counters.rejectedUnread++;
  request.phase = APART;
  replies.replyUnread.send();
  return false;
}

/** Whether there is too much to do for a request of so low a priority. */
function isShed(request: Request, atMs: f64): bool {
  const wish = request.wish;
  if (wish.objective !== 0) wish.priority = priorityOf(request.pool, wish.objective);
  if (wish.priority >= 0 || !isTurnedAway(request.pool, atMs)) return false;
  request.reason = reasons.REASON_SHED;
  return true;
}

function send(request: Request, pool: Pool, atMs: f64): bool {
  const count = picks.destinationCount;
  request.destinationCount = count;
  memory.copy(
    changetype<usize>(request.destinations),
    changetype<usize>(picks.destinations),
    (<usize>count) << 1,
  );
  request.phase = SENT;
  if (holdsHeaders) nameDestination(request, pool);
  else nameInFilterState(<u32>unchecked(picks.destinations[0]));
  if (holdsHeaders && count > 1) beginWaiting(request, atMs);
  if ((request.transfer.doneFlags & DONE_FLAG_TRANSFERRED) !== 0) {
    countTransferred(request, pool, atMs);
  } else {
    countPick(request, pool, atMs);
  }
  shareSoon(atMs);
  return true;
}

/** Whatever the pick, the request goes where it would without one, and is followed there. */
function sendInShadow(request: Request, pool: Pool, atMs: f64): bool {
  request.isShadow = true;
  request.doneFlags |= DONE_FLAG_SHADOW;
  request.phase = SENT;
  if (holdsHeaders) {
    leadToPool(pool, request.isByModel);
    beginWaiting(request, atMs);
    return true;
  }
  const slot = modes.drawnOf(pool, atMs);
  if (slot === modes.NOBODY) return refuse(request);
  nameInFilterState(<u32>slot);
  countServer(request, <u32>slot, atMs);
  shareSoon(atMs);
  return true;
}

/** Leaves the request to the cluster's own policy (A), or to one endpoint of those that are up (B). */
function passBy(pool: Pool | null, isByModel: bool, atMs: f64): bool {
  counters.requestsPassedBy++;
  if (holdsHeaders) {
    if (pool !== null) leadToPool(pool, isByModel);
    return true;
  }
  const slot = pool === null ? modes.NOBODY : modes.drawnOf(pool, atMs);
  if (slot === modes.NOBODY) replies.replyNoEndpoints.send();
  else nameInFilterState(<u32>slot);
  return slot !== modes.NOBODY;
}

function nameDestination(request: Request, pool: Pool): void {
  nameInHeader(request.destinations, request.destinationCount);
  leadToPool(pool, request.isByModel);
}

function leadToPool(pool: Pool, isByModel: bool): void {
  const leads = choice.isWhereRouteLeads(pool, isByModel);
  if (table.isCold || !leads) nameCluster(pool);
}

/** Finds the pool that serves the request's model; false when the filter has answered instead. */
function chooseByModel(request: Request): bool {
  const wish = request.wish;
  const isKnown = request.pool !== choice.BY_MODEL;
  const number = isKnown ? request.pool : choice.poolOfRequest(wish.modelName);
  request.pool = number;
  const pool = poolAt(number);
  if (pool === null) {
    if (number === table.NO_POOL) return true;
    counters.rejectedModel++;
    request.phase = APART;
    refuseModel(request.prompt, number);
    return false;
  }
  // Keys of blocks of another size are in nobody's cache.
  if (pool.blockBytes !== request.blockBytes) wish.keyCount = 0;
  // Under attachment B the headers are out of reach by now.
  if (holdsHeaders) headers.takeNamedHeaders(pool, wish);
  return true;
}

/** No table yet: the cluster's own policy serves (A), or nobody can (B). */
function passWithoutHints(request: Request): bool {
  counters.picksWithoutHints++;
  request.phase = APART;
  if (!holdsHeaders) replies.replyNoEndpoints.send();
  return holdsHeaders;
}

/** Answers in the stead of an endpoint that was not found, for the request's reason. */
function refuse(request: Request): bool {
  request.phase = APART;
  request.doneFlags |= DONE_FLAG_LOCAL;
  if (request.reason === reasons.REASON_SHED) {
    counters.rejectedShed++;
    request.status = replies.replyShed.status;
    replies.replyShed.send();
  } else if (request.reason === reasons.REASON_FILTERED) {
    counters.rejectedSaturated++;
    request.status = replies.replySaturated.status;
    replies.replySaturated.send();
  } else {
    counters.rejectedNoEndpoints++;
    request.status = replies.replyNoEndpoints.status;
    replies.replyNoEndpoints.send();
  }
  return false;
}
