// Copies of one prompt on several endpoints. Who uses the older copy keeps it, in room that the endpoint
// was about to give back, although another endpoint holds the same:
//
//   key          0    1    2    3    4
//   held by     A B  A B  A B   B    B      B's copy was used last: A's keys 0 to 2 are older,
//                                           by so much of A's cache as A has used since and B has not
import { COARSE_BLOCKS, FINE_BLOCKS } from "../../protocol/keys.ts";
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { ageOf } from "./bands.ts";
import { capacityOf } from "./table.ts";

/** What more endpoints hold is in nobody's way: it is in use everywhere. */
const COPIES_MAX: i32 = 64;

/** Blocks of the prompt matched last, each counted by how much of the endpoint's cache it is older. */
export const olderBlocks = new StaticArray<f64>(<i32>SLOTS_MAX);

const holders = new StaticArray<u16>(COPIES_MAX);
const stamps = new StaticArray<u32>(COPIES_MAX);
const olderShares = new StaticArray<f64>(<i32>SLOTS_MAX);
/** Holders of the key at hand, and of the one before it. */
let count: i32 = 0;
let countBefore: i32 = 0;

export function beginPrompt(): void {
  count = 0;
  countBefore = 0;
}

export function noteCopy(slot: u32, stamp: u32): void {
  if (count < COPIES_MAX) {
    unchecked((holders[count] = <u16>slot));
    unchecked((stamps[count] = stamp));
  }
  count++;
}

/** All holders of the prompt's key `depth` are noted. */
export function endKey(depth: u32): void {
  if (count > 1 && count <= COPIES_MAX) {
    // Along a prompt holders only drop out: as many as before are the same, and of much the same age.
    if (count !== countBefore) compare();
    const blocks: f64 = depth < FINE_BLOCKS ? 1 : COARSE_BLOCKS;
    for (let i = 0; i < count; i++) {
      const slot = unchecked(holders[i]);
      unchecked((olderBlocks[slot] = olderBlocks[slot] + blocks * olderShares[slot]));
    }
  }
  countBefore = count;
  count = 0;
}

function compare(): void {
  let youngest = Infinity;
  for (let i = 0; i < count; i++) {
    const slot = unchecked(holders[i]);
    const age = <f64>ageOf(slot, unchecked(stamps[i]));
    const share = age / <f64>max(unchecked(capacityOf[slot]), 1);
    unchecked((olderShares[slot] = share));
    youngest = min(youngest, share);
  }
  for (let i = 0; i < count; i++) {
    const slot = unchecked(holders[i]);
    unchecked((olderShares[slot] = olderShares[slot] - youngest));
  }
}
