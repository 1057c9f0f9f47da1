// The requests that are under way on this machine, found by the host's context id. Records are made
// once and used again.
import { REASON_NONE } from "../../protocol/reasons.ts";
import { NO_SLOT } from "../../protocol/records.ts";
import { TextBuffer } from "../text-buffer.ts";
import { Leg } from "./leg.ts";
import { DESTINATIONS_MAX } from "./pick.ts";
import { Prompt } from "./prompt.ts";
import { ResponseEdits } from "./response-edits.ts";
import { Transfer } from "./transfer.ts";
import { Usage } from "./usage.ts";
import { Wish } from "./wish.ts";

/** Reads the body; its pick is still to come. */
export const READING: u32 = 0;
/** Has its destination; waits for response headers. */
export const SENT: u32 = 1;
/** Response headers came. */
export const ANSWERED: u32 = 2;
/** Is none of the filter's business, or was answered by it. */
export const APART: u32 = 3;
/** Is held while a prefill endpoint reads its prompt. */
export const PREFILLING: u32 = 4;

export class Request {
  context: u32 = 0;
  phase: u32 = READING;
  /** A pool's number, or what request/pool-choice.ts says instead. */
  pool: u32 = 0;
  /** Its model says which pool it is for, once the body is read. */
  isByModel: bool = false;
  /** What its prompt was cut into. */
  blockBytes: u32 = 0;
  api: u32 = 0;
  isUnread: bool = false;
  walkedBytes: u32 = 0;
  heldBytes: u32 = 0;
  /** Its headers tell the body's length, and can be changed while the body is held. */
  tellsLength: bool = false;
  /** Its body may be given another model, and a header names one. */
  mayRewrite: bool = false;
  namesTarget: bool = false;
  prompt: Prompt = new Prompt();
  wish: Wish = new Wish();

  destinations: StaticArray<u16> = new StaticArray<u16>(DESTINATIONS_MAX);
  destinationCount: i32 = 0;
  /** So many of the destination's endpoints, from the first, are known to have failed. */
  failedCount: i32 = 0;
  /** The endpoint that the shares below are counted on, and its tenancy then. */
  slot: u32 = 0;
  tenancy: u32 = 0;
  isCounted: bool = false;
  backlogBytes: f64 = 0;
  residentBytes: f64 = 0;
  /** What waited on the endpoint before it. */
  aheadBytes: f64 = 0;
  matchedKeys: u32 = 0;
  matchedBytes: u32 = 0;
  stage: u32 = 0;
  /** Of protocol/reasons.ts. */
  reason: u32 = REASON_NONE;
  /** It is to be served only where its prompt is cached. */
  isIfAvailable: bool = false;
  /** The pick was told only: Envoy's own policy chooses who serves. */
  isShadow: bool = false;
  pickedSlot: u32 = NO_SLOT;
  pickedMatchedBytes: u32 = 0;
  isCold: bool = false;

  startedMs: f64 = 0;
  pickedMs: f64 = 0;
  firstByteMs: f64 = 0;
  status: u32 = 0;
  doneFlags: u32 = 0;
  hasFirstByte: bool = false;
  isComplete: bool = false;
  /** The response's headers came, and wait for its body or for prefill's end. */
  isResponseHeld: bool = false;
  /** A streamed answer tells token counts, as far as the request says. */
  expectsUsage: bool = true;
  readsUsage: bool = false;
  usage: Usage = new Usage();
  /** What the response gets in place of values; null for most. */
  edits: ResponseEdits | null = null;

  /** Only in pools that disaggregate. */
  readonly transfer: Transfer = new Transfer();
  leg: Leg | null = null;
  /** Bytes of the held body once it is edited. */
  bodyBytes: u32 = 0;

  wantsExplanation: bool = false;
  explanation: TextBuffer | null = null;
  /** Of prefill's pick. */
  prefillExplanation: TextBuffer | null = null;
  next: Request | null = null;

  /** Its place among those that wait for response headers. */
  isWaiting: bool = false;
  older: Request | null = null;
  newer: Request | null = null;

  begin(context: u32, nowMs: f64): void {
    this.context = context;
    this.phase = READING;
    this.isUnread = false;
    this.walkedBytes = 0;
    this.heldBytes = 0;
    this.tellsLength = false;
    this.mayRewrite = false;
    this.namesTarget = false;
    this.destinationCount = 0;
    this.failedCount = 0;
    this.isCounted = false;
    this.backlogBytes = 0;
    this.residentBytes = 0;
    this.aheadBytes = 0;
    this.matchedKeys = 0;
    this.matchedBytes = 0;
    this.stage = 0;
    this.reason = REASON_NONE;
    this.isIfAvailable = false;
    this.isShadow = false;
    this.pickedSlot = NO_SLOT;
    this.pickedMatchedBytes = 0;
    this.isCold = false;
    this.startedMs = nowMs;
    this.pickedMs = nowMs;
    this.firstByteMs = 0;
    this.status = 0;
    this.doneFlags = 0;
    this.hasFirstByte = false;
    this.isComplete = false;
    this.isResponseHeld = false;
    this.expectsUsage = true;
    this.readsUsage = false;
    this.wantsExplanation = false;
    this.wish.begin();
    this.transfer.begin();
  }
}

// ---- context id → request -----------------------------------------------------------------------

const BUCKETS: i32 = 4096;
const buckets = new StaticArray<Request | null>(BUCKETS);
let free: Request | null = null;

export function takeRequest(context: u32, nowMs: f64): Request {
  let request = free;
  if (request === null) request = new Request();
  else free = request.next;
  request.begin(context, nowMs);
  const bucket = <i32>(context & <u32>(BUCKETS - 1));
  request.next = unchecked(buckets[bucket]);
  unchecked((buckets[bucket] = request));
  return request;
}

export function requestOf(context: u32): Request | null {
  let request = unchecked(buckets[<i32>(context & <u32>(BUCKETS - 1))]);
  while (request !== null && request.context !== context) request = request.next;
  return request;
}

export function dropRequest(request: Request): void {
  const bucket = <i32>(request.context & <u32>(BUCKETS - 1));
  const first = unchecked(buckets[bucket]);
  if (first === request) unchecked((buckets[bucket] = request.next));
  else {
    let before = first;
    while (before !== null && before.next !== request) before = before.next;
    if (before !== null) before.next = request.next;
  }
  request.next = free;
  free = request;
}
