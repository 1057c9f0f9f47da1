// Which objectives gateways are told of, pool by pool.
import { OBJECTIVES_MAX } from "../../protocol/limits.ts";
import type { Pool } from "./pool.ts";

export type Priorities = Readonly<Record<string, number>>;

export interface ToldObjectives {
  byPool: ReadonlyMap<Pool, Priorities>;
  /** For which there is no room: their requests have the standard priority. */
  leftOut: number;
}

/**
 * Priorities by objective of each pool: the standard ones, which count once for every pool, and those
 * of its own, which win. OBJECTIVES_MAX bounds them in all.
 */
export function objectivesOf(pools: Iterable<Pool>, standard: Priorities): ToldObjectives {
  const byPool = new Map<Pool, Priorities>();
  let room = OBJECTIVES_MAX;
  let leftOut = 0;
  for (const pool of pools) {
    const all = Object.entries({ ...standard, ...pool.objectives });
    const told = all.slice(0, room);
    room -= told.length;
    leftOut += all.length - told.length;
    if (told.length > 0) byPool.set(pool, Object.fromEntries(told));
  }
  return { byPool, leftOut };
}
