// A profile's filters, in their order. A filter may leave nobody.
import * as profile from "../../protocol/profile.ts";
import { Pool } from "../hints/pool.ts";
import { candidateCount, keepLabelled, keepListed, keepOnly } from "./candidates.ts";
import { keepUnderCaps, keepUnderConcurrency, keepUnsaturated } from "./load-filters.ts";
import { keepSticky } from "./sticky-filter.ts";
import { keepByContextLength, keepByValue } from "./value-filters.ts";
import { Wish } from "./wish.ts";

/** `trust` is how much pushed loads still count. */
export function filterCandidates(pool: Pool, wish: Wish, nowMs: f64, trust: f64): void {
  for (let step = 0; step < pool.steps && candidateCount > 0; step++) {
    if (pool.operation(step) >= profile.SCORE_PUSHED) return;
    runFilter(pool, step, wish, nowMs, trust);
  }
}

function runFilter(pool: Pool, step: i32, wish: Wish, nowMs: f64, trust: f64): void {
  switch (pool.operation(step)) {
    case profile.FILTER_LABEL:
      keepLabelled(1 << pool.parameterBits(step, 0));
      return;
    case profile.FILTER_PREFIX_AFFINITY:
      keepSticky(pool, step, wish, trust);
      return;
    case profile.FILTER_SESSION:
      keepOnly(wish.sessionOf(pool.parameterBits(step, 0)));
      return;
    case profile.FILTER_VALUE:
      keepByValue(pool, step, trust);
      return;
    case profile.FILTER_UTILIZATION:
      keepUnderCaps(pool, step, trust);
      return;
    case profile.FILTER_UTILIZATION_DETECTOR:
      keepUnsaturated(pool, step, nowMs);
      return;
    case profile.FILTER_CONCURRENCY_DETECTOR:
      keepUnderConcurrency(pool, step, trust);
      return;
    case profile.FILTER_CONTEXT_LENGTH:
      keepByContextLength(pool, step, wish);
      return;
    case profile.FILTER_LISTED:
      keepListed(wish);
      return;
    default:
      return;
  }
}
