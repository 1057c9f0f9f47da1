// The media of a request encoded on endpoints for that, before anything reads its prompt:
//
//   media found ─▶ a call for each ─▶ answers, in any order ─▶ their parameters in the body ─▶ prefill
//        │none, too many    │none can take it, or failed: the next one, until none is left      or decode
//        └──────────────────┴─▶ encoded where the prompt is read, ◀── or an error where the pool asks

import {
  DONE_FLAG_ENCODE_FAILED,
  DONE_FLAG_ENCODED,
  LEG_STAGE_ENCODE,
} from "../../protocol/encoding-records.ts";
import { ENCODED_ITEMS_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { Disaggregation } from "../hints/disaggregation.ts";
import { notePick } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import { shareSoon } from "../hints/sharing.ts";
import { call } from "../host/callouts.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";
import { isLastResort } from "./candidates.ts";
import { uncachedBytes } from "./cover.ts";
import { mayDisaggregate } from "./decider.ts";
import { destinationClusterAt, destinationClusterBytes, findCluster } from "./destination.ts";
import { editOnce } from "./edited-body.ts";
import { buildEncodeBody, encodeBodyAt, encodeBodyBytes } from "./encode-body.ts";
import { buildLegHeaders, legHeaders } from "./leg-headers.ts";
import { hasRoomForLeg, keepLeg, newLeg, putLeg } from "./legs.ts";
import { PREFILLING, Request } from "./live.ts";
import * as media from "./media.ts";
import * as picks from "./pick.ts";
import { pickEncode } from "./pick-by-role.ts";
import * as choice from "./pool-choice.ts";
import { API_CHAT } from "./prompt-api.ts";
import { MEDIUM_BYTES } from "./prompt-reader.ts";

/** There is nothing to be encoded elsewhere, or nobody to do it. */
const ENCODE_UNWANTED: u32 = 0;
/** It has begun, and the request waits. */
export const ENCODE_BEGUN: u32 = 1;
/** It was to be done elsewhere, and is not. */
export const ENCODE_FAILED: u32 = 2;

const NO_ENDPOINT: i32 = -1;
/** As the sidecar of llm-d-router names the calls of one request. */
const SUFFIX = new Text("-enc-");
const suffix = new TextBuffer(16);

/** After the pick of decode alone. `mayHold`: the gateway has room to hold the request's body. */
export function beginEncoding(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  mayHold: bool,
  atMs: f64,
): u32 {
  const transfer = request.transfer;
  const isDone = (transfer.doneFlags & DONE_FLAG_ENCODED) !== 0;
  if (isDone || request.api !== API_CHAT || !request.prompt.hasMedia) return ENCODE_UNWANTED;
  // It is served where its prompt is cached, or not at all.
  if (request.isIfAvailable) return ENCODE_UNWANTED;
  if (!isToBeEncoded(request, pool, ways)) return ENCODE_UNWANTED;
  // Where all encoders are held to be failing, who reads the prompt serves better.
  const result = pickEncode(request, pool, ways, atMs);
  if (result !== picks.PICKED || isLastResort) return ENCODE_UNWANTED;
  editOnce(request);
  const isWhole = media.findMedia(request.bodyBytes);
  if (media.itemCount() === 0) return ENCODE_UNWANTED;
  if (!isWhole || !mayHold) return fail(request);
  transfer.doneFlags |= wire.DONE_FLAG_DECIDED | DONE_FLAG_ENCODED;
  transfer.encodeStartedMs = atMs;
  transfer.bodyStart = media.bodyStart();
  transfer.bodyHasMembers = true;
  return callAll(request, pool, ways, atMs);
}

function isToBeEncoded(request: Request, pool: Pool, ways: Disaggregation): bool {
  const matched = unchecked(matchedKeys[<i32>unchecked(picks.destinations[0])]);
  return mayDisaggregate(
    ways.encodeDecider,
    <f64>uncachedBytes(request.wish, matched) / pool.bytesPerToken,
    <f64>request.wish.promptBytes / pool.bytesPerToken,
    ways.encodeFirstParameter,
    ways.encodeSecondParameter,
    true,
  );
}

function fail(request: Request): u32 {
  counters.encodesRefused++;
  request.transfer.doneFlags |=
    wire.DONE_FLAG_DECIDED | DONE_FLAG_ENCODED | DONE_FLAG_ENCODE_FAILED;
  return ENCODE_FAILED;
}

/** One that cannot be called for need not stop the others, unless the client is to get an error. */
function callAll(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): u32 {
  const transfer = request.transfer;
  const count = media.itemCount();
  for (let item: u32 = 0; item < count; item++) {
    if (callEncoder(request, pool, ways, item, 0, NO_ENDPOINT, atMs)) continue;
    fail(request);
    if (ways.failure === wire.FAILURE_ERROR) {
      transfer.encodingCount = 0;
      return ENCODE_FAILED;
    }
  }
  return transfer.encodingCount > 0 ? ENCODE_BEGUN : ENCODE_FAILED;
}

/**
 * Calls an encoder for one of the media found last: the best at this moment, but not the one that has
 * failed. False where none can be called.
 */
export function callEncoder(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  item: u32,
  tried: i32,
  failed: i32,
  atMs: f64,
): bool {
  if (tried >= ways.tries || !hasRoomForLeg(request.bodyBytes)) return false;
  const slot = encoderBeside(request, pool, ways, failed, atMs);
  if (slot === NO_ENDPOINT) return false;
  findCluster(pool, choice.isWhereRouteLeads(pool, request.isByModel));
  suffix.clear();
  suffix.addText(SUFFIX);
  suffix.addInteger(item);
  if (!buildLegHeaders(slot, false, suffix) || !buildEncodeBody(item)) return false;
  return send(request, pool, ways, item, tried, slot, atMs);
}

function encoderBeside(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  failed: i32,
  atMs: f64,
): i32 {
  if (pickEncode(request, pool, ways, atMs) !== picks.PICKED) return NO_ENDPOINT;
  for (let i = 0; i < picks.destinationCount; i++) {
    const slot = <i32>unchecked(picks.destinations[i]);
    if (slot !== failed) return slot;
  }
  return NO_ENDPOINT;
}

function send(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  item: u32,
  tried: i32,
  slot: u32,
  atMs: f64,
): bool {
  const token = call(
    destinationClusterAt(),
    destinationClusterBytes(),
    legHeaders.at,
    legHeaders.bytes,
    encodeBodyAt,
    encodeBodyBytes,
    ways.timeoutMs,
  );
  if (token === 0) return false;
  const leg = newLeg(request, pool, LEG_STAGE_ENCODE, slot, atMs);
  leg.item = item;
  leg.tried = tried + 1;
  leg.promptBytes = MEDIUM_BYTES;
  leg.matchedKeys = 0;
  leg.uncachedBytes = <f64>MEDIUM_BYTES;
  leg.aheadBytes = 0;
  keepLeg(leg, token, encodeBodyBytes);
  putLeg(leg);
  notePick(slot, atMs);
  const transfer = request.transfer;
  // Those asked beyond are not shown.
  if (transfer.askedCount < <i32>ENCODED_ITEMS_MAX) {
    unchecked((transfer.encoders[transfer.askedCount++] = <u16>slot));
  }
  transfer.encodingCount++;
  request.phase = PREFILLING;
  counters.encodes++;
  shareSoon(atMs);
  return true;
}
