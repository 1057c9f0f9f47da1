// How many blocks of an endpoint were used since a moment: what an LRU cache goes by.
//
// Each endpoint's clock counts the blocks it was sent. Its past is cut into bands, and each band
// counts how many blocks were used last in it. A block that is used again leaves its band for the
// newest one, so that only what is older than it was grows no older: hits move nothing else.
//
//   oldest                                          newest
//   |start 0  ...  |start 1 ... |start 2 ...        |clock
//   |  count 0     |  count 1   |  count 2          |       age of a stamp: counts behind it
//
// Within a band, what is left is taken to be spread evenly. Bands are as long as it takes for a share
// of the capacity to be used; where there are too many, two neighbours with few blocks become one,
// which what lies beyond the capacity, and is only remembered, is the first to suffer.
import { INDEX_KEYS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
import { capacityOf } from "./table.ts";

const BANDS_MAX: i32 = 48;
/** Bands that a full cache is cut into, until blocks are used again. */
const BANDS_HELD: u32 = 32;
/** How much coarser what is only remembered may be. */
const COARSER: f64 = 8;
/** Older than any age that is told, so that nobody's stamps come to life again. */
const FORGOTTEN_BLOCKS: u32 = 2 * INDEX_KEYS_MAX;

const ROW_BYTES: usize = (<usize>BANDS_MAX) << 2;
const starts: usize = heap.alloc(<usize>SLOTS_MAX * ROW_BYTES);
const counts: usize = heap.alloc(<usize>SLOTS_MAX * ROW_BYTES);
const bandsOf = new StaticArray<i32>(<i32>SLOTS_MAX);
const clocks = new StaticArray<u32>(<i32>SLOTS_MAX);
/** Blocks in all bands. */
const totals = new StaticArray<i32>(<i32>SLOTS_MAX);
/** Blocks that are remembered of each endpoint: its capacity, and what it held until recently. */
const keptOf = new StaticArray<u32>(<i32>SLOTS_MAX);
/** How far back, on the clock, those stamps lie that are held, and that are remembered. */
const heldReaches = new StaticArray<u32>(<i32>SLOTS_MAX);
const keptReaches = new StaticArray<u32>(<i32>SLOTS_MAX);

export function keepBlocks(slot: u32, blocks: u32): void {
  unchecked((keptOf[slot] = blocks));
  settle(slot);
}

export function keptBlocks(slot: u32): u32 {
  return unchecked(keptOf[slot]);
}

function capacity(slot: u32): i32 {
  return <i32>max(unchecked(capacityOf[slot]), 1);
}

/** Whether the endpoint's cache, and whether its past, still has what was used at `stamp`. */
export function isHeld(slot: u32, stamp: u32): bool {
  return unchecked(clocks[slot]) - stamp <= unchecked(heldReaches[slot]);
}

export function isKept(slot: u32, stamp: u32): bool {
  return unchecked(clocks[slot]) - stamp <= unchecked(keptReaches[slot]);
}

/** Blocks of the endpoint that were used since; more than is ever kept where that is not known. */
export function ageOf(slot: u32, stamp: u32): u32 {
  const behind = unchecked(clocks[slot]) - stamp;
  const band = bandBehind(slot, behind);
  if (band < 0) return FORGOTTEN_BLOCKS;
  let newer: i64 = 0;
  for (let i = unchecked(bandsOf[slot]) - 1; i > band; i--) newer += countAt(slot, i);
  const since = <i64>(behind - endBehind(slot, band));
  const within = (<i64>max(countAt(slot, band), 0) * since) / spanOf(slot, band);
  return <u32>max(newer + within, 0);
}

// ---- use ----------------------------------------------------------------------------------------

/** Blocks are used that were not there. Answers their stamp. */
export function useNew(slot: u32, blocks: u32): u32 {
  let newest = unchecked(bandsOf[slot]) - 1;
  if (newest < 0 || <u32>max(countAt(slot, newest), 0) >= bandBlocks(slot)) newest = begin(slot);
  addTo(slot, newest, <i32>blocks);
  unchecked((clocks[slot] = clocks[slot] + blocks));
  return unchecked(clocks[slot]);
}

/** Blocks are used that were last used at `stamp`. Answers their stamp. */
export function useAgain(slot: u32, stamp: u32, blocks: u32): u32 {
  leave(slot, stamp, blocks);
  return useNew(slot, blocks);
}

/** Blocks that were last used at `stamp` are not there any more. */
export function leave(slot: u32, stamp: u32, blocks: u32): void {
  const band = bandBehind(slot, unchecked(clocks[slot]) - stamp);
  if (band >= 0) addTo(slot, band, -(<i32>blocks));
}

/**
 * The stamp of a block that somebody else says is of this age. One older than all that is known
 * stands for whatever lies between.
 */
export function stampAged(slot: u32, age: u32): u32 {
  const total = <u32>max(unchecked(totals[slot]), 0);
  if (age >= total) extend(slot, age + 1 - total);
  return unchecked(clocks[slot]) - behindOf(slot, age);
}

/** Nothing of the endpoint's past counts any more. */
export function forgetPast(slot: u32): void {
  unchecked((bandsOf[slot] = 0));
  unchecked((totals[slot] = 0));
  unchecked((clocks[slot] = clocks[slot] + FORGOTTEN_BLOCKS));
  settle(slot);
}

/** Lets go of bands that are too old, and finds how far back held and remembered blocks lie. */
export function settle(slot: u32): void {
  const kept = <i32>unchecked(keptOf[slot]);
  while (unchecked(bandsOf[slot]) > 1 && unchecked(totals[slot]) - countAt(slot, 0) >= kept)
    dropBand(slot, 0);
  unchecked((heldReaches[slot] = behindOf(slot, <u32>capacity(slot))));
  unchecked((keptReaches[slot] = behindOf(slot, <u32>kept)));
}

// ---- bands --------------------------------------------------------------------------------------

function startPlace(slot: u32, band: i32): usize {
  return starts + <usize>slot * ROW_BYTES + ((<usize>band) << 2);
}

function countPlace(slot: u32, band: i32): usize {
  return counts + <usize>slot * ROW_BYTES + ((<usize>band) << 2);
}

/** May be below zero: what leaves a band is reckoned at what its keys stand for when they leave. */
function countAt(slot: u32, band: i32): i32 {
  return load<i32>(countPlace(slot, band));
}

function addTo(slot: u32, band: i32, blocks: i32): void {
  store<i32>(countPlace(slot, band), countAt(slot, band) + blocks);
  unchecked((totals[slot] = totals[slot] + blocks));
}

function startBehind(slot: u32, band: i32): u32 {
  return unchecked(clocks[slot]) - load<u32>(startPlace(slot, band));
}

function endBehind(slot: u32, band: i32): u32 {
  return band + 1 === unchecked(bandsOf[slot]) ? 0 : startBehind(slot, band + 1);
}

function spanOf(slot: u32, band: i32): u32 {
  return max(startBehind(slot, band) - endBehind(slot, band), 1);
}

/** The band so far behind the clock; -1 for what lies before all of them. */
function bandBehind(slot: u32, behind: u32): i32 {
  let low = 0;
  let high = unchecked(bandsOf[slot]);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (behind < startBehind(slot, middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** How far behind the clock a block of this age was used; the oldest known where none is so old. */
function behindOf(slot: u32, age: u32): u32 {
  let newer: i64 = 0;
  for (let band = unchecked(bandsOf[slot]) - 1; band >= 0; band--) {
    const count = <i64>countAt(slot, band);
    if (count > 0 && newer + count > <i64>age) {
      const within = max(<i64>age - newer, 0) * <i64>spanOf(slot, band);
      return endBehind(slot, band) + <u32>(within / count);
    }
    newer += count;
  }
  return unchecked(bandsOf[slot]) === 0 ? 0 : startBehind(slot, 0);
}

function bandBlocks(slot: u32): u32 {
  return max(<u32>capacity(slot) / BANDS_HELD, 1);
}

/** Begins a band at the clock. */
function begin(slot: u32): i32 {
  if (unchecked(bandsOf[slot]) === BANDS_MAX) mergeFewest(slot);
  const band = unchecked(bandsOf[slot]);
  store<u32>(startPlace(slot, band), unchecked(clocks[slot]));
  store<i32>(countPlace(slot, band), 0);
  unchecked((bandsOf[slot] = band + 1));
  return band;
}

/** Lengthens the past by blocks that nobody told of. */
function extend(slot: u32, blocks: u32): void {
  if (unchecked(bandsOf[slot]) === 0) begin(slot);
  else if (<u32>max(countAt(slot, 0), 0) >= bandBlocks(slot)) insertOldest(slot);
  store<u32>(startPlace(slot, 0), load<u32>(startPlace(slot, 0)) - blocks);
  addTo(slot, 0, <i32>blocks);
  settle(slot);
}

function insertOldest(slot: u32): void {
  if (unchecked(bandsOf[slot]) === BANDS_MAX) mergeFewest(slot);
  const bytes = (<usize>unchecked(bandsOf[slot])) << 2;
  memory.copy(startPlace(slot, 1), startPlace(slot, 0), bytes);
  memory.copy(countPlace(slot, 1), countPlace(slot, 0), bytes);
  store<i32>(countPlace(slot, 0), 0);
  unchecked((bandsOf[slot] = bandsOf[slot] + 1));
}

/** Makes one band of the two neighbours with the fewest blocks. */
function mergeFewest(slot: u32): void {
  let newer = 0;
  let best = 0;
  let fewest = Infinity;
  for (let band = unchecked(bandsOf[slot]) - 2; band >= 0; band--) {
    const count = countAt(slot, band + 1);
    newer += count;
    const pair = <f64>(count + countAt(slot, band));
    const cost = newer > capacity(slot) ? pair / COARSER : pair;
    if (cost >= fewest) continue;
    fewest = cost;
    best = band;
  }
  store<i32>(countPlace(slot, best + 1), countAt(slot, best) + countAt(slot, best + 1));
  store<u32>(startPlace(slot, best + 1), load<u32>(startPlace(slot, best)));
  removeBand(slot, best);
}

function dropBand(slot: u32, band: i32): void {
  addTo(slot, band, -countAt(slot, band));
  removeBand(slot, band);
}

function removeBand(slot: u32, band: i32): void {
  const bytes = (<usize>(unchecked(bandsOf[slot]) - 1 - band)) << 2;
  memory.copy(startPlace(slot, band), startPlace(slot, band + 1), bytes);
  memory.copy(countPlace(slot, band), countPlace(slot, band + 1), bytes);
  unchecked((bandsOf[slot] = bandsOf[slot] - 1));
}
