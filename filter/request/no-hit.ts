// Upstream's no-hit-lru-scorer: a prompt that nobody holds goes to the endpoint that has longest been
// without such a one; those that never had one come first.
import { coldUseOf } from "../hints/cold-use.ts";
import { Pool } from "../hints/pool.ts";
import { candidateCount, candidates, isAnyWarm } from "./candidates.ts";

const NEUTRAL: f64 = 0.5;

/** Fills the column; `remembered` is how many endpoints the order of uses may name. */
export function scoreNoHit(pool: Pool, remembered: f64, column: StaticArray<f64>): void {
  if (isAnyWarm()) column.fill(NEUTRAL, 0, candidateCount);
  else if (candidateCount === 1) unchecked((column[0] = 1));
  else scoreCold(pool, remembered, column);
}

function scoreCold(pool: Pool, remembered: f64, column: StaticArray<f64>): void {
  const last = <f64>(candidateCount - 1);
  const used = min(remembered, usedSince(pool, 0));
  let unused: f64 = 0;
  for (let i = 0; i < candidateCount; i++) {
    if (isUsed(pool, i, remembered)) continue;
    unchecked((column[i] = 1 - unused / last));
    unused++;
  }
  for (let i = 0; i < candidateCount; i++) {
    if (!isUsed(pool, i, remembered)) continue;
    const place = used - 1 - usedSince(pool, coldUseOf(unchecked(candidates[i])));
    unchecked((column[i] = max(0, 1 - (unused + place) / last)));
  }
}

function isUsed(pool: Pool, candidate: i32, remembered: f64): bool {
  const use = coldUseOf(unchecked(candidates[candidate]));
  return use > 0 && usedSince(pool, use) < remembered;
}

/** Endpoints of the pool, candidates or not, that were used after this. */
function usedSince(pool: Pool, use: u32): f64 {
  let count = 0;
  for (let i = 0; i < pool.slotCount; i++) {
    if (coldUseOf(unchecked(pool.slots[i])) > use) count++;
  }
  return <f64>count;
}
