// When each endpoint was last picked for a prompt that nobody held, by a running number.
import { SLOTS_MAX } from "../../protocol/limits.ts";

const usedAt = new StaticArray<u32>(<i32>SLOTS_MAX);
let uses: u32 = 0;

export function noteColdUse(slot: u32): void {
  uses++;
  unchecked((usedAt[slot] = uses));
}

/** The slot has another endpoint, which was never used so. */
export function forgetColdUse(slot: u32): void {
  unchecked((usedAt[slot] = 0));
}

/** 0 for an endpoint that was never used so. */
export function coldUseOf(slot: u32): u32 {
  return unchecked(usedAt[slot]);
}
