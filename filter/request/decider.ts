// Whether prefill of a request runs on another endpoint than decode.
import {
  DECIDE_ALWAYS,
  DECIDE_MEDIA,
  DECIDE_TIME,
  DECIDE_UNCACHED,
} from "../../protocol/records.ts";

/**
 * A running answer whose tokens come later by as much counts for so much of a first token that does:
 * its reader has something to read meanwhile.
 */
const DELAY_WEIGHT: f64 = 0.1;

/** What is known of one endpoint, in prompt bytes, but for the answers that it is writing. */
export class Place {
  /** Uncached bytes that wait there. */
  backlog: f64 = 0;
  /** Of this prompt. */
  uncached: f64 = 0;
  /** Answers being written, each delayed while a prompt is read there. */
  writing: f64 = 0;
  /** How long a byte takes there over the pool's mean. */
  slowness: f64 = 1;
}

/** Whether it may be worth it, by the request and the decode endpoint alone. */
export function mayDisaggregate(
  decider: u32,
  uncachedTokens: f64,
  promptTokens: f64,
  least: f64,
  leastPrompt: f64,
  hasMedia: bool,
): bool {
  if (decider === DECIDE_ALWAYS || decider === DECIDE_TIME) return true;
  if (decider === DECIDE_MEDIA) return hasMedia;
  if (decider !== DECIDE_UNCACHED || least === 0) return false;
  return promptTokens >= leastPrompt && uncachedTokens >= least;
}

/** What it costs where the request decodes: the prompt's own time, and what others wait for it. */
export function bytesAlone(decode: Place): f64 {
  const delayed = DELAY_WEIGHT * decode.writing * decode.uncached;
  return decode.slowness * (decode.backlog + decode.uncached + delayed);
}

/** What it costs elsewhere, the transfer's time told in bytes too. */
export function bytesElsewhere(prefill: Place, transferMs: f64, byteMs: f64): f64 {
  return prefill.slowness * (prefill.backlog + prefill.uncached) + transferMs / byteMs;
}
