// An encoder has answered, or never will: what it tells of its medium's encoding goes into the held body,
// and with the last of them the request goes on to whoever reads its prompt.
//
//   {"ec_transfer_params":{ of the latest answer, … of the first },"model": …

import * as encoding from "../../protocol/encoding-records.ts";
import { ENCODINGS_BYTES_MAX } from "../../protocol/limits.ts";
import * as reasons from "../../protocol/reasons.ts";
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { Disaggregation, disaggregationOf } from "../hints/disaggregation.ts";
import { Pool } from "../hints/pool.ts";
import { NO_POOL } from "../hints/table.ts";
import { Text } from "../host/memory.ts";
import { continueRequest, setEffectiveContext } from "../host/stream.ts";
import { root } from "../root.ts";
import { beginWith } from "./edited-body.ts";
import { callEncoder } from "./encoding.ts";
import { hold, letGo } from "./held.ts";
import { Leg } from "./leg.ts";
import {
  ENCODINGS,
  forgetLegAnswer,
  isAnswerRead,
  memberAt,
  memberBytes,
  readLegAnswer,
} from "./leg-answer.ts";
import { goTo, noteHealth, poolOf, status } from "./leg-end.ts";
import { giveLegBack, releaseLeg, reportLeg } from "./legs.ts";
import { PREFILLING, Request, requestOf } from "./live.ts";
import { findMedia } from "./media.ts";
import { pickOwn } from "./pick-by-role.ts";
import { refuse } from "./refusal.ts";
import { pickInPhases } from "./stream.ts";

/** No longer than the member's own name and first brace, and the byte before them. */
const PREFIX = new Text('{"ec_transfer_params":{');
const OPENING_BRACE: u8 = 123;
const CLOSING_BRACE: u8 = 125;

/** The parameters of the answer read last, without their braces; no bytes where there are none. */
let innerAt: usize = 0;
let innerBytes: u32 = 0;

export function takeEncoderAnswer(leg: Leg, bodyBytes: u32, atMs: f64): void {
  const pool = poolOf(leg);
  const ways = disaggregationOf(pool === null ? NO_POOL : leg.pool);
  const outcome = outcomeOf(bodyBytes, ways);
  releaseLeg(leg);
  noteHealth(leg, atMs);
  // No request has the context 0.
  const request = requestOf(leg.context);
  const waits = request !== null && request.phase === PREFILLING;
  const isAwaited = waits && request!.transfer.encodingCount > 0;
  reportLeg(leg, isAwaited ? outcome : wire.LEG_IN_VAIN, status, atMs - leg.startedMs, innerBytes);
  if (isAwaited) {
    if (setEffectiveContext(leg.context)) goOn(request!, leg, pool, ways, outcome, atMs);
    setEffectiveContext(root);
  }
  giveLegBack(leg);
}

/** What stands in shared storage needs no parameters. */
function outcomeOf(bodyBytes: u32, ways: Disaggregation | null): u32 {
  forgetLegAnswer();
  innerBytes = 0;
  if (status !== 200) return wire.LEG_REFUSED;
  if (ways !== null && ways.encodings === encoding.ENCODINGS_SHARED_STORAGE) return wire.LEG_SERVED;
  const hasMember = readLegAnswer(bodyBytes, ENCODINGS);
  if (!isAnswerRead) return wire.LEG_REFUSED;
  if (hasMember) findInner();
  return innerBytes > 0 ? wire.LEG_SERVED : wire.LEG_WITHOUT_PARAMETERS;
}

/** A member's name has no brace, and its value begins and ends with one. */
function findInner(): void {
  innerAt = memberAt;
  while (load<u8>(innerAt) !== OPENING_BRACE) innerAt++;
  innerAt++;
  let end = memberAt + memberBytes;
  while (load<u8>(end - 1) !== CLOSING_BRACE) end--;
  innerBytes = isBlank(innerAt, end - 1) ? 0 : <u32>(end - 1 - innerAt);
}

/** Only characters of JSON's white space are as low. */
function isBlank(start: usize, end: usize): bool {
  for (let at = start; at < end; at++) if (load<u8>(at) > 0x20) return false;
  return true;
}

function goOn(
  request: Request,
  leg: Leg,
  pool: Pool | null,
  ways: Disaggregation | null,
  outcome: u32,
  atMs: f64,
): void {
  const transfer = request.transfer;
  transfer.encodingCount--;
  if (outcome !== wire.LEG_REFUSED) handOn(request);
  else if (!tryAgain(request, leg, pool, ways, atMs)) {
    counters.encodesFailed++;
    transfer.doneFlags |= encoding.DONE_FLAG_ENCODE_FAILED;
    if (ways !== null && ways.failure === wire.FAILURE_ERROR) {
      refuse(request, reasons.REASON_ENCODE);
      return;
    }
  }
  if (transfer.encodingCount > 0) return;
  transfer.encodeMs = atMs - transfer.encodeStartedMs;
  if (pool === null) refuse(request, reasons.REASON_NO_ENDPOINTS);
  else if (ways === null) goTo(request, pool, pickOwn(request, pool, atMs), atMs);
  else if (pickInPhases(request, pool, ways, atMs)) {
    letGo(request);
    continueRequest();
  }
}

/** Without parameters, or with more than can be taken, a medium is encoded where the prompt is read. */
function handOn(request: Request): void {
  const transfer = request.transfer;
  const isFirst = transfer.encodingsBytes === 0;
  if (innerBytes === 0 || transfer.encodingsBytes + innerBytes > ENCODINGS_BYTES_MAX) return;
  transfer.encodingsBytes += innerBytes;
  const start = innerAt - PREFIX.bytes;
  memory.copy(start, PREFIX.at, PREFIX.bytes);
  const before = request.bodyBytes;
  // Of the first answer, the brace behind its parameters ends the member.
  beginWith(request, start, PREFIX.bytes + innerBytes + (isFirst ? 1 : 0));
  hold(request, request.heldBytes + request.bodyBytes - before);
  // What the next answer tells is put in place of the same beginning.
  transfer.bodyStart = PREFIX.bytes;
}

function tryAgain(
  request: Request,
  leg: Leg,
  pool: Pool | null,
  ways: Disaggregation | null,
  atMs: f64,
): bool {
  if (pool === null || ways === null || !findMedia(request.bodyBytes)) return false;
  return callEncoder(request, pool, ways, leg.item, leg.tried, <i32>leg.slot, atMs);
}
