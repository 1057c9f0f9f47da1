// A request whose two legs are sent at once: decode waits in its endpoint for what prefill computes, and
// would wait for ever for a prefill that has failed. So the end of the leg ends the request where it
// brings nothing. The response's headers, which some servers send before there is anything to say, wait
// for the first byte of its body or for the end of prefill: until then the client can be given an error.
//
//   decode released ─▶ headers, held ─▶ body: all goes on ─▶ end
//        prefill fails ──▶ 502 ──────────▶│ reset
import * as reasons from "../../protocol/reasons.ts";
import * as wire from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { continueResponse } from "../host/stream.ts";
import { countRefusal } from "./accounts.ts";
import { beginWith } from "./edited-body.ts";
import { ANSWERED, Request } from "./live.ts";
import { refuse } from "./refusal.ts";
import { decodeBeginning } from "./transfer-members.ts";
import { learnTransfer } from "./transfer-times.ts";

/** Prefill was asked on the endpoint `slot`, and decode is to be asked at once. */
export function join(request: Request, slot: u32): void {
  const transfer = request.transfer;
  transfer.isJoined = true;
  transfer.doneFlags |= wire.DONE_FLAG_TRANSFERRED;
  transfer.prefill = slot;
  beginByMeeting(request);
}

/** Decode is told where to meet the prefill of the request. */
export function beginByMeeting(request: Request): void {
  const transfer = request.transfer;
  const beginning = decodeBeginning(transfer.connector, transfer.prefill, transfer.meeting);
  beginWith(request, beginning.at, beginning.bytes);
}

/** Whether the headers that just came are to wait. */
export function holdsResponse(request: Request, isEnd: bool): bool {
  const transfer = request.transfer;
  request.isResponseHeld =
    transfer.isJoined && request.leg !== null && request.status === 200 && !isEnd;
  return request.isResponseHeld;
}

/** The leg has ended: prefill is done, or has failed. */
export function endJoined(request: Request, isServed: bool, atMs: f64): void {
  // An answer that is complete, or an error, is what the client gets.
  const isAnswered = request.phase === ANSWERED;
  if (isAnswered && (request.isComplete || request.status !== 200)) return;
  if (isServed) goOn(request, atMs);
  else end(request, isAnswered);
}

function goOn(request: Request, atMs: f64): void {
  // What decode has said something of was there before: it took no time that prefill did not take.
  if (!request.hasFirstByte) request.transfer.sentMs = atMs;
  else if ((request.doneFlags & wire.DONE_FLAG_STREAMED) !== 0) learnTransfer(request.pool, 0);
  if (!request.isResponseHeld) return;
  request.isResponseHeld = false;
  continueResponse();
}

/** Envoy makes a reset of the answer where the response has begun. */
function end(request: Request, isAnswered: bool): void {
  const isBegun = isAnswered && !request.isResponseHeld;
  const status = request.status;
  counters.prefillsFailed++;
  request.transfer.doneFlags |= wire.DONE_FLAG_PREFILL_FAILED;
  countRefusal(request);
  refuse(request, reasons.REASON_PREFILL);
  if (!isBegun) return;
  request.status = status;
  counters.streamsCut++;
  request.doneFlags |= wire.DONE_FLAG_CUT;
}
