// How many blocks of prompt an endpoint's KV cache holds, and how reports correct that.
//
// Nominal capacity is the cache's size in tokens, in prompt bytes, in blocks; a part of the cache
// is always in the hands of running requests, so USED_SHARE of it counts. Engines evict by rules of
// their own, and some tell a size that is not their cache's, so each report of cached tokens moves a
// factor: keys that should be there and are not shrink it, keys that are there let it recover, more
// slowly. A cache that still has much of what a full index let go is larger than it told.
import { COARSE_BLOCKS } from "../../protocol/keys.ts";
import { CAPACITY_BLOCKS_MAX, GHOST_SIZE_MAX } from "../../protocol/limits.ts";
import { SCORE_TOKEN_COST } from "../../protocol/profile.ts";
import type { Step } from "../config/profile.ts";

/** Share of the KV cache that keeps prefixes of requests that have ended. */
const USED_SHARE = 0.9;
/** Tokens a cache is taken to hold when the engine does not say: one mid-size model on one GPU. */
const DEFAULT_CACHE_TOKENS = 100_000;
/** More than any engine holds, offloaded blocks included: a larger number is a mistake. */
export const CACHE_TOKENS_MAX = 1_000_000_000;

const FACTOR_MIN = 0.1;
const FACTOR_MAX = 8;
/** Reports about fewer blocks than this say more about rounding than about eviction. */
const BELIEVED_BLOCKS_MIN = 4;
const MISSING_BELOW = 0.5;
const PRESENT_ABOVE = 0.9;
/** So many times what is believed is no rounding, nor a few blocks that were evicted out of turn. */
const BEYOND_ABOVE = 4;
const SHRINK = 0.98;
const RECOVER = 1.002;
/** Few reports are so clear; what they gave is taken back as soon as keys are missed. */
const GROW = 1.4;
const SHRINK_BEYOND = 0.8;

/** Prompt bytes that an endpoint's cache is believed to hold. */
export function capacityBytes(
  cacheTokens: number | null,
  bytesPerToken: number,
  factor: number,
): number {
  const tokens = Math.min(cacheTokens ?? DEFAULT_CACHE_TOKENS, CACHE_TOKENS_MAX);
  return tokens * bytesPerToken * USED_SHARE * factor;
}

export function capacityBlocks(bytes: number, blockBytes: number): number {
  return Math.min(CAPACITY_BLOCKS_MAX, Math.max(1, Math.round(bytes / blockBytes)));
}

/** How far back an index remembers what endpoints held, as a multiple of their capacity. */
export function ghostSizeOf(steps: readonly Step[]): number {
  const reaches = steps
    .filter(({ operation, parameters }) => operation === SCORE_TOKEN_COST && parameters[3]! > 0)
    .map(({ parameters }) => parameters[4]!);
  return Math.min(GHOST_SIZE_MAX, Math.max(1, ...reaches));
}

/** What an answer told of the endpoint's cache, beside what was believed. */
export interface CacheReport {
  /** Of whole blocks, so up to a coarse block more may be cached than that. */
  believedBytes: number;
  reportedBytes: number;
  blockBytes: number;
  /** The index knows as many blocks as the cache is believed to hold, so that it lets go of some. */
  isFull: boolean;
}

/** The factor after one report. Recovers to 1; beyond that only by reports of far more than believed. */
export function correctedFactor(factor: number, report: CacheReport): number {
  const { believedBytes, reportedBytes, blockBytes, isFull } = report;
  const beyond = BEYOND_ABOVE * (believedBytes + COARSE_BLOCKS * blockBytes);
  if (reportedBytes > beyond) return isFull ? Math.min(FACTOR_MAX, factor * GROW) : factor;
  if (believedBytes < BELIEVED_BLOCKS_MIN * blockBytes) return factor;
  const share = reportedBytes / believedBytes;
  if (share < MISSING_BELOW) {
    return Math.max(FACTOR_MIN, factor * (factor > 1 ? SHRINK_BEYOND : SHRINK));
  }
  return share > PRESENT_ABOVE ? Math.min(Math.max(1, factor), factor * RECOVER) : factor;
}

/** Whether a value has moved far enough from what gateways were told to tell them anew. */
export function isWorthTelling(told: number, value: number, share: number): boolean {
  return Math.abs(value - told) >= share * told;
}
