// Scores of the candidates: the sum over the profile's scorers of score × weight, each score clamped
// to [0, 1] as upstream does, without dividing by the weights.
import { POOL_ENDPOINTS_MAX, PROFILE_STEPS_MAX, SCORE_MAX } from "../../protocol/limits.ts";
import * as profile from "../../protocol/profile.ts";
import { adapterAffinity } from "../hints/adapters.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import * as table from "../hints/table.ts";
import { isMissing, readValue } from "../hints/values.ts";
import { candidateCount, candidates } from "./candidates.ts";
import { coveredBytes, uncachedBytes } from "./cover.ts";
import { backlogInFlight, requestsInFlight } from "./in-flight.ts";
import { scoreNoHit } from "./no-hit.ts";
import { costs, scoreCosts } from "./token-cost.ts";
import { scoreContextLength, scoreHeaderLabel, scoreValue } from "./value-scores.ts";
import { Wish } from "./wish.ts";

export const scores = new StaticArray<f64>(<i32>POOL_ENDPOINTS_MAX);
/** What each step gave each candidate, kept while a request asks to be explained. */
export const parts = new StaticArray<f64>(<i32>(POOL_ENDPOINTS_MAX * PROFILE_STEPS_MAX));
let keepsParts: bool = false;

const column = new StaticArray<f64>(<i32>POOL_ENDPOINTS_MAX);

export function keepParts(keeps: bool): void {
  keepsParts = keeps;
}

/** Scores every candidate; `trust` is how much pushed loads still count. */
export function scoreCandidates(pool: Pool, wish: Wish, trust: f64): void {
  for (let i = 0; i < candidateCount; i++) unchecked((scores[i] = 0));
  for (let step = 0; step < pool.steps; step++) {
    if (!fillColumn(pool, step, wish, trust)) continue;
    const weight = pool.weight(step);
    const isSum = pool.operation(step) === profile.SCORE_PUSHED;
    for (let i = 0; i < candidateCount; i++) {
      const raw = unchecked(column[i]);
      const score = isSum ? raw : max(0, min(1, raw));
      unchecked((scores[i] = scores[i] + score * weight));
      if (keepsParts) unchecked((parts[step * <i32>POOL_ENDPOINTS_MAX + i] = score));
    }
  }
}

/** Fills the column with what one step gives each candidate; false when it is not a scorer. */
function fillColumn(pool: Pool, step: i32, wish: Wish, trust: f64): bool {
  switch (pool.operation(step)) {
    case profile.SCORE_PUSHED:
      scorePushed(pool.parameterBits(step, 0), trust);
      return true;
    case profile.SCORE_QUEUE:
      spread(table.waitingOf, trust);
      return true;
    case profile.SCORE_RUNNING:
      spread(table.runningOf, trust);
      return true;
    case profile.SCORE_ACTIVE_REQUEST:
      scoreActiveRequests(pool.parameter(step, 0), pool.parameter(step, 1), trust);
      return true;
    case profile.SCORE_TOKEN_LOAD:
      scoreTokenLoad(pool, pool.parameter(step, 0), wish, trust);
      return true;
    case profile.SCORE_PREFIX:
      scorePrefix(pool, pool.parameter(step, 0), pool.parameter(step, 1), wish);
      return true;
    case profile.SCORE_LORA:
      for (let i = 0; i < candidateCount; i++) {
        unchecked((column[i] = adapterAffinity(candidates[i], wish.modelName)));
      }
      return true;
    case profile.SCORE_NO_HIT_LRU:
      scoreNoHit(pool, pool.parameter(step, 0), column);
      return true;
    case profile.SCORE_SESSION:
      scoreSession(wish.sessionOf(pool.parameterBits(step, 0)));
      return true;
    case profile.SCORE_TOKEN_COST:
      scoreCosts(pool, step, wish, trust, column);
      return true;
    case profile.SCORE_VALUE:
      scoreValue(pool, step, trust, column);
      return true;
    case profile.SCORE_CONTEXT_LENGTH:
      scoreContextLength(pool, step, wish, column);
      return true;
    case profile.SCORE_HEADER_LABEL:
      scoreHeaderLabel(pool, step, wish, column);
      return true;
    default:
      return false;
  }
}

/** A sum that was never told is none. */
function scorePushed(number: u32, trust: f64): void {
  for (let i = 0; i < candidateCount; i++) {
    const sum = readValue(unchecked(candidates[i]), number);
    // Values are judged here, by who knows what they are for: their frame cannot be refused for them.
    const isScore = !isMissing(sum) && abs(sum) <= <f64>SCORE_MAX;
    unchecked((column[i] = isScore ? trust * sum : 0));
  }
}

function scoreSession(slot: i32): void {
  for (let i = 0; i < candidateCount; i++) {
    unchecked((column[i] = <i32>candidates[i] === slot ? 1 : 0));
  }
}

/** (most − value) / (most − least); all equal is 1. Stale gauges are drawn to 1. */
function spread(values: StaticArray<u32>, trust: f64): void {
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < candidateCount; i++) {
    const value = <f64>unchecked(values[candidates[i]]);
    least = min(least, value);
    most = max(most, value);
  }
  for (let i = 0; i < candidateCount; i++) {
    const value = <f64>unchecked(values[candidates[i]]);
    const score = most === least ? 1 : (most - value) / (most - least);
    unchecked((column[i] = 1 - trust * (1 - score)));
  }
}

function scoreActiveRequests(idle: f64, busyMost: f64, trust: f64): void {
  let most: f64 = 0;
  for (let i = 0; i < candidateCount; i++) most = max(most, requestsInFlight(candidates[i], trust));
  for (let i = 0; i < candidateCount; i++) {
    const count = requestsInFlight(unchecked(candidates[i]), trust);
    unchecked((column[i] = count <= idle ? 1 : ((most - count) / most) * busyMost));
  }
}

function scoreTokenLoad(pool: Pool, threshold: f64, wish: Wish, trust: f64): void {
  for (let i = 0; i < candidateCount; i++) {
    const slot = <u32>unchecked(candidates[i]);
    const backlog = backlogInFlight(slot, trust);
    const uncached = uncachedBytes(wish, unchecked(matchedKeys[slot]));
    const tokens = (backlog + <f64>uncached) / pool.bytesPerToken;
    unchecked((column[i] = tokens <= 0 ? 1 : 1 - min(tokens, threshold) / threshold));
  }
}

function scorePrefix(pool: Pool, lengthWeight: f64, scaleTokens: f64, wish: Wish): void {
  const whole = <f64>coveredBytes(wish.keyCount);
  for (let i = 0; i < candidateCount; i++) {
    const matched = <f64>coveredBytes(unchecked(matchedKeys[candidates[i]]));
    const ratio = whole === 0 ? 0 : matched / whole;
    const tokens = matched / pool.bytesPerToken;
    const length = min(1, tokens / max(1, scaleTokens));
    unchecked((column[i] = lengthWeight * length * length + (1 - lengthWeight) * ratio));
  }
}

/** The cost behind a candidate's score, 0 when the profile has no token-cost-scorer. */
export function costOf(candidate: i32): f64 {
  return unchecked(costs[candidate]);
}
