// How far the filter has a say: it picks (active), it picks and Envoy's own policy chooses (shadow), or
// it stands aside (off). Under attachment B no policy of a cluster's knows endpoints: of those that are
// up one is drawn instead.
import { ROLE_DECODE, SETTINGS_FLAG_OFF, SETTINGS_FLAG_SHADOW } from "../../protocol/records.ts";
import { hasRole } from "../hints/disaggregation.ts";
import { isUp, mayBePicked } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import { settings } from "../hints/table.ts";
import { randomBelow } from "./random.ts";

export const NOBODY: i32 = -1;

export function isOff(): bool {
  return (settings.flags & SETTINGS_FLAG_OFF) !== 0;
}

export function isShadow(): bool {
  return (settings.flags & SETTINGS_FLAG_SHADOW) !== 0;
}

/** One of the pool's endpoints that decode and are up, all alike; of those that fail only where all do. */
export function drawnOf(pool: Pool, nowMs: f64): i32 {
  let drawn = NOBODY;
  let sound = 0;
  let others = 0;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = <u32>unchecked(pool.slots[i]);
    if (!hasRole(slot, ROLE_DECODE)) continue;
    if (mayBePicked(slot, nowMs)) {
      sound++;
      if (randomBelow(sound) === 0) drawn = <i32>slot;
    } else if (sound === 0 && isUp(slot)) {
      others++;
      if (randomBelow(others) === 0) drawn = <i32>slot;
    }
  }
  return drawn;
}
