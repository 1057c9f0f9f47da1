// How many blocks of prompt an endpoint's KV cache holds, and how reports correct that.
//
// Nominal capacity is the cache's size in tokens, in prompt bytes, in blocks; a part of the cache
// is always in the hands of running requests, so USED_SHARE of it counts. Engines evict by rules of
// their own, so each report of cached tokens moves a factor: keys that should be there and are not
// shrink it, keys that are there let it recover, more slowly.

/** Share of the KV cache that keeps prefixes of requests that have ended. */
const USED_SHARE = 0.9;
/** Tokens a cache is taken to hold when the engine does not say: one mid-size model on one GPU. */
const DEFAULT_CACHE_TOKENS = 100_000;
/** An index remembers this many times the capacity: what an endpoint held until recently. */
export const GHOST_FACTOR = 6;

const FACTOR_MIN = 0.1;
const FACTOR_MAX = 1.2;
/** Reports about fewer blocks than this say more about rounding than about eviction. */
const BELIEVED_BLOCKS_MIN = 4;
const MISSING_BELOW = 0.5;
const PRESENT_ABOVE = 0.9;
/** More is cached than believed: the cache keeps what the index let go. */
const BEYOND_ABOVE = 1.1;
const SHRINK = 0.98;
const RECOVER = 1.002;

export function capacityBlocks(
  cacheTokens: number | null,
  bytesPerToken: number,
  blockBytes: number,
  factor: number,
): number {
  const bytes = (cacheTokens ?? DEFAULT_CACHE_TOKENS) * bytesPerToken * USED_SHARE;
  return Math.max(1, Math.round((bytes / blockBytes) * factor));
}

/** The factor after one report. Recovers to 1; beyond that only by reports of more than believed. */
export function correctedFactor(
  factor: number,
  believedBytes: number,
  reportedBytes: number,
  blockBytes: number,
): number {
  if (believedBytes < BELIEVED_BLOCKS_MIN * blockBytes) return factor;
  const share = reportedBytes / believedBytes;
  if (share < MISSING_BELOW) return Math.max(FACTOR_MIN, factor * SHRINK);
  const ceiling = share > BEYOND_ABOVE ? FACTOR_MAX : Math.max(1, factor);
  return share > PRESENT_ABOVE ? Math.min(ceiling, factor * RECOVER) : factor;
}

/** Whether a value has moved far enough from what gateways were told to tell them anew. */
export function isWorthTelling(told: number, value: number, share: number): boolean {
  return Math.abs(value - told) >= share * told;
}
