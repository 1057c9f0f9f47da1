// Which objectives gateways are told of, pool by pool.
import { OBJECTIVES_MAX } from "../../protocol/limits.ts";
import type { Pool } from "./pool.ts";

export type Priorities = Readonly<Record<string, number>>;

/**
 * Priorities by objective of each pool: the standard ones, and those of its own, which win. Past
 * OBJECTIVES_MAX in all, objectives are left out, so that their requests have the standard priority.
 */
export function objectivesOf(pools: Iterable<Pool>, standard: Priorities): Map<Pool, Priorities> {
  const told = new Map<Pool, Priorities>();
  let room = OBJECTIVES_MAX;
  for (const pool of pools) {
    const all = Object.entries({ ...standard, ...pool.objectives }).slice(0, room);
    room -= all.length;
    if (all.length > 0) told.set(pool, Object.fromEntries(all));
  }
  return told;
}
