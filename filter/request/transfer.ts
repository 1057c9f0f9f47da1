// What a request is about in a pool that disaggregates: its prefill endpoints, and what came back.
import { ENCODED_ITEMS_MAX, LEG_TRIES_MAX } from "../../protocol/limits.ts";

export const NO_ASK: u32 = u32.MAX_VALUE;

export class Transfer {
  /** Flags of the request's report. */
  doneFlags: u32 = 0;
  /** Prefill endpoints, the best first, which of them is next, and how many were asked. */
  readonly prefills: StaticArray<u16> = new StaticArray<u16>(<i32>LEG_TRIES_MAX);
  /** Whose their slots were then. */
  readonly tenancies: StaticArray<u32> = new StaticArray<u32>(<i32>LEG_TRIES_MAX);
  prefillCount: i32 = 0;
  nextPrefill: i32 = 0;
  tried: i32 = 0;
  /** What came of asking decode first, of LEG's outcomes; NO_ASK where it was not asked. */
  asked: u32 = NO_ASK;
  /** The endpoint that serves prefill. */
  prefill: u32 = 0;
  /** How its last leg was asked. */
  connector: u32 = 0;
  /** The number by which its legs meet; 0 where they do without. */
  meeting: u64 = 0;
  /** Decode was asked without waiting for prefill. */
  isJoined: bool = false;
  /** Where in the held body members may be put, and whether others follow them. */
  bodyStart: u32 = 0;
  bodyHasMembers: bool = false;
  /** What the decider weighed. */
  aloneBytes: f64 = 0;
  elsewhereBytes: f64 = 0;
  prefillMs: f64 = 0;
  sentMs: f64 = 0;
  /** The body has been edited, once and for all. */
  isEdited: bool = false;
  /** Encoders in the order in which they were asked, and of how many an answer is still to come. */
  readonly encoders: StaticArray<u16> = new StaticArray<u16>(<i32>ENCODED_ITEMS_MAX);
  askedCount: i32 = 0;
  encodingCount: u32 = 0;
  /** Of encoders' parameters in the held body. */
  encodingsBytes: u32 = 0;
  encodeStartedMs: f64 = 0;
  encodeMs: f64 = 0;

  begin(): void {
    this.doneFlags = 0;
    this.prefillCount = 0;
    this.nextPrefill = 0;
    this.tried = 0;
    this.asked = NO_ASK;
    this.prefill = 0;
    this.connector = 0;
    this.meeting = 0;
    this.isJoined = false;
    this.aloneBytes = 0;
    this.elsewhereBytes = 0;
    this.prefillMs = 0;
    this.sentMs = 0;
    this.isEdited = false;
    this.askedCount = 0;
    this.encodingCount = 0;
    this.encodingsBytes = 0;
    this.encodeMs = 0;
  }
}
