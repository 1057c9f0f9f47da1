// How well a prompt's length fits the range of lengths an endpoint is meant for: two values of the
// endpoint, least and most tokens. An endpoint without a range takes any length; one whose range makes
// no sense has infinite ends and takes none.
import { Pool } from "../hints/pool.ts";
import { isMissing, readValue } from "../hints/values.ts";
import { Wish } from "./wish.ts";

const NEUTRAL: f64 = 0.5;
/** Outside of every range scores below this, inside above. */
const OUTSIDE_MOST: f64 = 0.3;
const DISTANCE_SCALE: f64 = 1_000;
const WIDTH_SCALE: f64 = 10_000;

export function promptTokens(pool: Pool, wish: Wish): f64 {
  return Math.ceil(<f64>wish.promptBytes / pool.bytesPerToken);
}

export function isInRange(slot: u32, number: u32, tokens: f64): bool {
  const least = readValue(slot, number);
  return isMissing(least) || (tokens >= least && tokens <= readValue(slot, number + 1));
}

/** Upstream's calculateRangeScore: in range, a tighter one and more room above score higher. */
export function rangeScore(slot: u32, number: u32, tokens: f64): f64 {
  const least = readValue(slot, number);
  const most = readValue(slot, number + 1);
  if (isMissing(least)) return NEUTRAL;
  if (tokens < least) return OUTSIDE_MOST / (1 + (least - tokens) / DISTANCE_SCALE);
  if (tokens > most) return OUTSIDE_MOST / (1 + (tokens - most) / DISTANCE_SCALE);
  if (most === least) return 1;
  const width = most - least;
  const fit = 0.7 / (1 + width / WIDTH_SCALE) + (0.3 * (most - tokens)) / width;
  return OUTSIDE_MOST + fit * (1 - OUTSIDE_MOST);
}
