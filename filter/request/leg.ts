// One call to a prefill endpoint, or to an encoder.
import { LEG_STAGE_PREFILL } from "../../protocol/encoding-records.ts";

export class Leg {
  token: u32 = 0;
  stage: u32 = LEG_STAGE_PREFILL;
  /** Of an encoder: which of the request's media, and how often it was asked for before. */
  item: u32 = 0;
  tried: i32 = 0;
  /** The request's; 0 once it is gone. */
  context: u32 = 0;
  /** Of decode, which is asked before prefill. */
  isAsk: bool = false;
  pool: u32 = 0;
  /** Hash of the pool's name: its number may become another's. */
  clusterLow: u32 = 0;
  clusterHigh: u32 = 0;
  slot: u32 = 0;
  tenancy: u32 = 0;
  /** Of the call's body, which the host keeps until it has ended. */
  bodyBytes: u32 = 0;
  promptBytes: u32 = 0;
  /** Leading keys of the prompt that the endpoint held before. */
  matchedKeys: u32 = 0;
  uncachedBytes: f64 = 0;
  /** Uncached bytes on the endpoint before it. */
  aheadBytes: f64 = 0;
  startedMs: f64 = 0;
  next: Leg | null = null;
}
