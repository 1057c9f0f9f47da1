// The pick: candidates, filters, scores, and an ordered list of endpoints, the best one first.
// Everything here is decided from the table and numbers; the host is not asked.
import { FALLBACKS_MAX } from "../../protocol/limits.ts";
import { PICK_RANDOM, PICK_WEIGHTED_RANDOM } from "../../protocol/profile.ts";
import { NO_PROFILE, Pool } from "../hints/pool.ts";
import { matchedKeys, matchKeys } from "../hints/prefix-index.ts";
import { settings, trustAt } from "../hints/table.ts";
import { candidateCount, candidates, gatherCandidates, isAnyWarm } from "./candidates.ts";
import { uncachedBytes } from "./cover.ts";
import { filterCandidates } from "./filters.ts";
import { random, randomBelow } from "./random.ts";
import { scoreCandidates, scores } from "./score.ts";
import { Wish } from "./wish.ts";

/** Endpoints a destination may name: the pick and what Envoy may retry on. */
export const DESTINATIONS_MAX: i32 = 1 + <i32>FALLBACKS_MAX;

export const PICKED: u32 = 0;
/** No endpoint of the pool serves. */
export const NO_ENDPOINTS: u32 = 1;
/** The profile's filters left none, or no profile has the name that was asked for. */
const SATURATED: u32 = 2;

/** The last pick: slots, the best first. */
export const destinations = new StaticArray<u16>(DESTINATIONS_MAX);
export let destinationCount: i32 = 0;
export let pickedMatchedKeys: u32 = 0;
export let pickedUncachedBytes: u32 = 0;
/** No candidate held anything of the prompt. */
export let isCold: bool = false;

const order = new StaticArray<i32>(DESTINATIONS_MAX);

/** Endpoints that a request's destination names, as far as they are there: the pick, and Envoy's retries. */
export function placesToName(): i32 {
  return 1 + <i32>min(settings.fallbacks, FALLBACKS_MAX);
}

/** Picks by a profile of the pool's; `places` endpoints, or more where its picker asks for them. */
export function pick(pool: Pool, wish: Wish, profile: i32, places: i32, nowMs: f64): u32 {
  destinationCount = 0;
  gatherCandidates(pool, nowMs);
  if (candidateCount === 0) return NO_ENDPOINTS;
  if (profile === NO_PROFILE) return SATURATED;
  pool.useProfile(profile);
  matchKeys(wish.keys, wish.keyCount, pool.slots, pool.slotCount);
  const trust = trustAt(nowMs);
  filterCandidates(pool, wish, nowMs, trust);
  if (candidateCount === 0) return SATURATED;
  isCold = !isAnyWarm();
  scoreCandidates(pool, wish, trust);
  const picker = pool.pickerStep();
  const operation = picker < 0 ? 0 : pool.operation(picker);
  const asked = picker < 0 ? 1 : <i32>min(pool.parameterBits(picker, 0), <u32>DESTINATIONS_MAX);
  const wanted = min(DESTINATIONS_MAX, max(asked, places));
  if (operation === PICK_RANDOM) drawAll();
  else if (operation === PICK_WEIGHTED_RANDOM) drawWeighted();
  chooseBest(min(wanted, candidateCount));
  const first = unchecked(destinations[0]);
  pickedMatchedKeys = unchecked(matchedKeys[first]);
  pickedUncachedBytes = uncachedBytes(wish, pickedMatchedKeys);
  return PICKED;
}

/**
 * Has the endpoint lead those picked last, the others to serve in its stead; false where it was no
 * candidate.
 */
export function leadWith(slot: u32, wish: Wish): bool {
  let isCandidate = false;
  for (let i = 0; i < candidateCount; i++) {
    isCandidate = isCandidate || <u32>unchecked(candidates[i]) === slot;
  }
  if (!isCandidate) return false;
  let place = 0;
  while (place < destinationCount - 1 && <u32>unchecked(destinations[place]) !== slot) place++;
  for (; place > 0; place--) unchecked((destinations[place] = destinations[place - 1]));
  unchecked((destinations[0] = <u16>slot));
  pickedMatchedKeys = unchecked(matchedKeys[slot]);
  pickedUncachedBytes = uncachedBytes(wish, pickedMatchedKeys);
  return true;
}

/** A uniform draw: every score becomes a random number. */
function drawAll(): void {
  for (let i = 0; i < candidateCount; i++) unchecked((scores[i] = random()));
}

/** Efraimidis and Spirakis' A-Res: U^(1/score); all scores zero is a uniform draw. */
function drawWeighted(): void {
  let sum: f64 = 0;
  for (let i = 0; i < candidateCount; i++) sum += unchecked(scores[i]);
  if (sum <= 0) {
    drawAll();
    return;
  }
  for (let i = 0; i < candidateCount; i++) {
    const score = unchecked(scores[i]);
    unchecked((scores[i] = score <= 0 ? 0 : random() ** (1 / score)));
  }
}

/** Takes the best scores in order, equal ones at random. */
function chooseBest(wanted: i32): void {
  for (let place = 0; place < wanted; place++) {
    let best = -1;
    let ties = 0;
    for (let i = 0; i < candidateCount; i++) {
      if (isChosen(i, place)) continue;
      if (best >= 0 && unchecked(scores[i]) < unchecked(scores[best])) continue;
      const isTie = best >= 0 && unchecked(scores[i]) === unchecked(scores[best]);
      ties = isTie ? ties + 1 : 1;
      if (!isTie || randomBelow(ties) === 0) best = i;
    }
    unchecked((order[place] = best));
    unchecked((destinations[place] = candidates[best]));
  }
  destinationCount = wanted;
}

function isChosen(candidate: i32, places: i32): bool {
  for (let place = 0; place < places; place++) {
    if (unchecked(order[place]) === candidate) return true;
  }
  return false;
}
