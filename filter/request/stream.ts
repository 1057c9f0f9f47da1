// A request's life, from its headers to the end of its response: the one state machine.
//
//   READING ──pick──▶ SENT ──response headers──▶ ANSWERED ──▶ done
//      │  └─▶ PREFILLING ──▲
//      └──── refused, or none of ours ──▶ APART ──▶ done

import { BLOCK_BYTES_MAX, POOLS_MAX } from "../../protocol/limits.ts";
import * as reasons from "../../protocol/reasons.ts";
import {
  DONE_FLAG_SHADOW,
  DONE_FLAG_TRANSFERRED,
  FAILURE_ERROR,
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
import { forbidRetries, nameCluster, nameInFilterState, nameInHeader } from "./destination.ts";
import {
  beginPrefill,
  needsPrefill,
  PREFILL_BEGUN,
  PREFILL_DECLINED,
  PREFILL_FAILED,
  PREFILL_JOINED,
} from "./disaggregation.ts";
import { applyEdits, beginEdits } from "./edited-body.ts";
import { beginEncoding, ENCODE_BEGUN, ENCODE_FAILED } from "./encoding.ts";
import * as headers from "./headers.ts";
import { hold, letGo, mayHoldForPrefill } from "./held.ts";
import { APART, PREFILLING, READING, Request, requestOf, SENT, takeRequest } from "./live.ts";
import * as modes from "./modes.ts";
import * as picks from "./pick.ts";
import { isDecodeForgotten, pickDecode, pickOwn } from "./pick-by-role.ts";
import { noteResult, refusalFor } from "./pick-notes.ts";
import * as choice from "./pool-choice.ts";
import { API_NONE } from "./prompt.ts";
import { refuse } from "./refusal.ts";
import * as replies from "./replies.ts";
import { openToRewrites, rewriteModel } from "./rewrite.ts";
import { countServer } from "./shadow.ts";
import { tellsUnasked } from "./usage-sample.ts";
import { beginWaiting } from "./waiting.ts";

/** Attachment A holds the request by itself; B leaves that to the buffer filter behind it. */
let holdsHeaders: bool = true;

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
  request.isIfAvailable = headers.isIfAvailable;
  request.wantsExplanation = headers.wantsExplanation && mayExplain;
  const isHopeless = number === table.NO_POOL && !holdsHeaders;
  if (isEnd && request.isByModel) {
    if (answersModels()) return answerModels(request);
    // No prompt is sent, so that it counts as no use of the model.
    const model = headers.modelAskedFor();
    if (model !== 0) request.pool = choice.poolOfRequest(model);
  }
  if (isEnd || headers.isUpgrade || isHopeless) return choose(request) ? CONTINUE : STOP;
  request.tellsLength = holdsHeaders && headers.contentBytes > 0;
  request.namesTarget = headers.namesTarget;
  if (headers.contentBytes > <f64>table.settings.bodyBytesMax) {
    refuse(request, reasons.REASON_TOO_LARGE);
    return STOP;
  }
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
  request.phase = APART;
  replies.replyModels(modelsText(), modelsTextBytes());
  return STOP;
}

export function onRequestBody(context: u32, bytes: u32, isEnd: bool): u32 {
  const request = requestOf(context);
  if (request === null || request.phase !== READING) return CONTINUE;
  if (bytes > table.settings.bodyBytesMax) return stopAt(request, reasons.REASON_TOO_LARGE);
  if (!hold(request, bytes)) return stopAt(request, reasons.REASON_HELD_BYTES);
  walkTo(request, bytes);
  // What is not JSON need not be held to its end: nothing can be read or hidden in it.
  if (!isEnd && request.prompt.readable) return STOP_AND_BUFFER;
  return finishBody(request) ? CONTINUE : STOP_AND_BUFFER;
}

function stopAt(request: Request, reason: u32): u32 {
  refuse(request, reason);
  return STOP_AND_BUFFER;
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
    refuse(request, reasons.REASON_BAD_BODY);
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
    if (!modes.isShadow()) return stop(request, reasons.REASON_SHED);
    request.reason = reasons.REASON_SHED;
    logPick(request);
    return sendInShadow(request, pool, atMs);
  }
  const ways = disaggregationOf(request.pool);
  if (modes.isShadow()) return pickInShadow(request, pool, ways, atMs);
  if (ways !== null) return pickInPhases(request, pool, ways, atMs);
  return sendOrRefuse(request, pool, pickOwn(request, pool, atMs), atMs);
}

function stop(request: Request, reason: u32): bool {
  refuse(request, reason);
  return false;
}

/** The request goes to the endpoints picked last, if any were: false where it does not. */
export function sendOrRefuse(request: Request, pool: Pool, result: u32, atMs: f64): bool {
  if (result !== picks.PICKED) return stop(request, refusalFor(result));
  noteResult(request, pool, result);
  return send(request, pool, atMs);
}

/**
 * The way of a request through a pool that disaggregates, from its beginning or from where its media have
 * been encoded. Under attachment B the headers are out of reach once the prompt is known, and with them a
 * call's: a request decodes alone, or not at all, or is declined.
 */
export function pickInPhases(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): bool {
  // What cannot be read could tell a model server to fetch from anywhere.
  if (request.isUnread) return stop(request, reasons.REASON_UNREADABLE);
  const result = pickDecode(request, pool, ways, NO_PARTNER, atMs);
  if (result !== picks.PICKED) return sendOrRefuse(request, pool, result, atMs);
  if (holdsHeaders) {
    const encode = beginEncoding(request, pool, ways, mayHoldForPrefill(), atMs);
    if (encode === ENCODE_BEGUN) return false;
    if (encode === ENCODE_FAILED && ways.failure === FAILURE_ERROR) {
      return stop(request, reasons.REASON_ENCODE);
    }
  }
  return readAndDecode(request, pool, ways, atMs);
}

/** After the pick of decode alone, which is made anew where another has been made since. */
function readAndDecode(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): bool {
  let result = picks.PICKED;
  if (isDecodeForgotten) result = pickDecode(request, pool, ways, NO_PARTNER, atMs);
  if (result !== picks.PICKED) return sendOrRefuse(request, pool, result, atMs);
  const isNeeded = needsPrefill(request, ways);
  if (holdsHeaders || request.isIfAvailable) {
    const prefill = beginPrefill(request, pool, ways, isNeeded, mayHoldForPrefill(), atMs);
    if (prefill === PREFILL_BEGUN) return false;
    if (prefill === PREFILL_DECLINED) return stop(request, reasons.REASON_UNAVAILABLE);
    if (prefill === PREFILL_JOINED) return sendOrRefuse(request, pool, picks.PICKED, atMs);
    if (prefill === PREFILL_FAILED && ways.failure === FAILURE_ERROR) {
      return stop(request, reasons.REASON_PREFILL);
    }
  }
  if (isNeeded) return stop(request, reasons.REASON_PREFILL);
  if (isDecodeForgotten) result = pickDecode(request, pool, ways, NO_PARTNER, atMs);
  return sendOrRefuse(request, pool, result, atMs);
}

/** What would be picked is told. Whether prefill would run elsewhere is not asked. */
function pickInShadow(request: Request, pool: Pool, ways: Disaggregation | null, atMs: f64): bool {
  const result =
    ways === null
      ? pickOwn(request, pool, atMs)
      : pickDecode(request, pool, ways, NO_PARTNER, atMs);
  noteResult(request, pool, result);
  return sendInShadow(request, pool, atMs);
}

/** Whether there is too much to do for a request of so low a priority. */
function isShed(request: Request, atMs: f64): bool {
  const wish = request.wish;
  if (wish.objective !== 0) wish.priority = priorityOf(request.pool, wish.objective);
  return wish.priority < 0 && isTurnedAway(request.pool, atMs);
}

function send(request: Request, pool: Pool, atMs: f64): bool {
  // A number by which legs meet is used once: by one try, on one endpoint.
  const isTransferred = (request.transfer.doneFlags & DONE_FLAG_TRANSFERRED) !== 0;
  const isOnce = isTransferred && request.transfer.meeting !== 0;
  const count = isOnce ? 1 : picks.destinationCount;
  request.destinationCount = count;
  memory.copy(
    changetype<usize>(request.destinations),
    changetype<usize>(picks.destinations),
    (<usize>count) << 1,
  );
  request.phase = SENT;
  if (holdsHeaders) nameDestination(request, pool);
  else nameInFilterState(<u32>unchecked(picks.destinations[0]));
  if (isOnce) forbidRetries();
  if (holdsHeaders && count > 1) beginWaiting(request, atMs);
  if (isTransferred) countTransferred(request, pool, atMs);
  else countPick(request, pool, atMs);
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
  if (slot === modes.NOBODY) return stop(request, reasons.REASON_NO_ENDPOINTS);
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
    return stop(request, reasons.REASON_MODEL);
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
