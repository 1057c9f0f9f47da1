// How long prefill takes a byte, and the way from there to decode's first token, as each pool's
// requests have shown. This machine's own: a few requests tell.
import { POOLS_MAX } from "../../protocol/limits.ts";

/** 12,500 tokens of four bytes a second, until legs have told. */
const BYTE_MS_START: f64 = 0.02;
/** vLLM's own proxies are some 30 ms from prefill's answer to the first token. */
const TRANSFER_MS_START: f64 = 30;
const GAIN: f64 = 0.1;
/** Shorter prompts tell of an engine's step, not of its speed. */
const WORK_BYTES_MIN: f64 = 4_096;

const byteMs = new StaticArray<f64>(<i32>POOLS_MAX).fill(BYTE_MS_START);
const transferMs = new StaticArray<f64>(<i32>POOLS_MAX).fill(TRANSFER_MS_START);

/** `workBytes` were computed there from the leg's beginning to its end, those before it included. */
export function learnPrefill(pool: u32, workBytes: f64, ms: f64): void {
  if (workBytes < WORK_BYTES_MIN || ms <= 0) return;
  const before = unchecked(byteMs[pool]);
  unchecked((byteMs[pool] = before + GAIN * (ms / workBytes - before)));
}

/** From the pick of decode to the first byte of a streamed answer. */
export function learnTransfer(pool: u32, ms: f64): void {
  const before = unchecked(transferMs[pool]);
  unchecked((transferMs[pool] = before + GAIN * (ms - before)));
}

export function byteMsOf(pool: u32): f64 {
  return unchecked(byteMs[pool]);
}

export function transferMsOf(pool: u32): f64 {
  return unchecked(transferMs[pool]);
}
