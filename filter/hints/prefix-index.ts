// Which keys are believed to be in which endpoint's KV cache. An entry of the table has up to four
// holders, each with a stamp; a key with more holders has more entries, further along its probe
// sequence.
//
// A stamp is a moment of the endpoint's clock, which `bands.ts` turns into an age: how many other
// blocks were used since. A block older than the capacity has left an LRU cache. No lists.
import { blocksOfKey } from "../../protocol/keys.ts";
import { SLOTS_MAX } from "../../protocol/limits.ts";
import {
  ageOf,
  isHeld,
  isKept,
  keptBlocks,
  leave,
  settle,
  stampAged,
  useAgain,
  useNew,
} from "./bands.ts";
import { beginPrompt, endKey, noteCopy, olderBlocks } from "./copies.ts";
import {
  after,
  claimEntry,
  dropEntry,
  entryAt,
  entryCount,
  HOLDERS_MAX,
  home,
  isFull,
  NOBODY,
  placeOf,
  stampBeside,
} from "./entries.ts";

const PROBES_MAX: u32 = 4096;
/**
 * Entries looked at for each new one. A pass over the table then takes as many insertions as an
 * eighth of its entries, so that those nobody holds any more are never more than that.
 */
const SWEEPS_PER_ENTRY: u32 = 8;

/** Keys that found no room. */
export let refusedKeys: u32 = 0;
let sweepAt: u32 = 0;

/** Leading keys of the prompt matched last that each endpoint holds, and held until recently. */
export const matchedKeys = new StaticArray<u32>(<i32>SLOTS_MAX);
export const rememberedKeys = new StaticArray<u32>(<i32>SLOTS_MAX);

/**
 * Counts, for each endpoint of `slots`, how many leading keys it holds. A key that nobody kept ends
 * the walk.
 */
export function matchKeys(keys: usize, keyCount: u32, slots: StaticArray<u16>, count: i32): void {
  for (let i = 0; i < count; i++) {
    const slot = unchecked(slots[i]);
    unchecked((matchedKeys[slot] = 0));
    unchecked((rememberedKeys[slot] = 0));
    unchecked((olderBlocks[slot] = 0));
  }
  beginPrompt();
  for (let i: u32 = 0; i < keyCount; i++) {
    if (!matchKey(load<u64>(keys + ((<usize>i) << 3)), i)) return;
    endKey(i);
  }
}

function matchKey(key: u64, depth: u32): bool {
  let isAlive = false;
  let at = home(key);
  for (let probe: u32 = 0; probe < PROBES_MAX; probe++) {
    const entry = entryAt(at);
    const found = load<u64>(entry);
    if (found === 0) break;
    if (found === key && matchHolders(entry, depth)) isAlive = true;
    at = after(at);
  }
  return isAlive;
}

function matchHolders(entry: usize, depth: u32): bool {
  let isAlive = false;
  for (let holder = 0; holder < HOLDERS_MAX; holder++) {
    const place = placeOf(entry, holder);
    const slot = load<u16>(place);
    if (slot === NOBODY) continue;
    const stamp = load<u32>(stampBeside(place));
    if (unchecked(rememberedKeys[slot]) !== depth || !isKept(slot, stamp)) continue;
    unchecked((rememberedKeys[slot] = depth + 1));
    isAlive = true;
    if (unchecked(matchedKeys[slot]) === depth && isHeld(slot, stamp)) {
      unchecked((matchedKeys[slot] = depth + 1));
      noteCopy(slot, stamp);
    }
  }
  return isAlive;
}

/**
 * The endpoint is sent these keys, in chain order, of a prompt of `blocks` blocks: it holds them now.
 * Each key stands for as many blocks as the others. The last key is stamped first, as engines free a
 * request's last blocks first: a chain that ages loses its end before its beginning.
 */
export function insertKeys(slot: u32, keys: usize, keyCount: u32, blocks: u32): void {
  if (keyCount === 0) return;
  const entriesBefore = entryCount;
  for (let i = keyCount; i > 0; ) {
    i--;
    hold(slot, load<u64>(keys + ((<usize>i) << 3)), blocksOfKey(i, keyCount, blocks));
  }
  settle(slot);
  sweep((entryCount - entriesBefore) * SWEEPS_PER_ENTRY);
}

/** The endpoint uses a key that stands for `blocks` blocks. */
function hold(slot: u32, key: u64, blocks: u32): void {
  if (key === 0) return;
  const place = placeFor(slot, key);
  if (place === 0) {
    useNew(slot, blocks);
    refusedKeys++;
    return;
  }
  const at = stampBeside(place);
  if (load<u16>(place) === <u16>slot) store<u32>(at, useAgain(slot, load<u32>(at), blocks));
  else {
    store<u16>(place, <u16>slot);
    store<u32>(at, useNew(slot, blocks));
  }
}

/**
 * The endpoint holds one key that was last used `ageBlocks` blocks ago. Where the key is known to be
 * younger that stays so; one that is too old is not kept.
 */
export function insertAged(slot: u32, key: u64, ageBlocks: u32): void {
  if (key === 0 || ageBlocks > keptBlocks(slot)) return;
  const place = placeFor(slot, key);
  if (place === 0) {
    refusedKeys++;
    return;
  }
  const at = stampBeside(place);
  const known = load<u32>(at);
  const isKnown = load<u16>(place) === <u16>slot && isKept(slot, known);
  if (isKnown && ageOf(slot, known) <= ageBlocks) return;
  store<u16>(place, <u16>slot);
  store<u32>(at, stampAged(slot, ageBlocks));
}

/** Where the key's holder is the slot, or may become it; 0 where there is no room. */
function placeFor(slot: u32, key: u64): usize {
  let at = home(key);
  let room: usize = 0;
  for (let probe: u32 = 0; probe < PROBES_MAX; probe++) {
    const entry = entryAt(at);
    const found = load<u64>(entry);
    if (found === 0) {
      if (room !== 0 || isFull()) break;
      claimEntry(entry, key);
      return placeOf(entry, 0);
    }
    if (found === key) {
      const holder = holderOf(entry, slot);
      if (holder !== 0) return holder;
      if (room === 0) room = freeHolder(entry);
    }
    at = after(at);
  }
  return room;
}

/** Where the slot stands among the entry's holders, 0 when it does not. */
function holderOf(entry: usize, slot: u32): usize {
  for (let holder = 0; holder < HOLDERS_MAX; holder++) {
    const place = placeOf(entry, holder);
    if (load<u16>(place) === <u16>slot) return place;
  }
  return 0;
}

/** A holder's place that is empty or whose endpoint has long lost the key; 0 when there is none. */
function freeHolder(entry: usize): usize {
  for (let holder = 0; holder < HOLDERS_MAX; holder++) {
    const place = placeOf(entry, holder);
    const slot = load<u16>(place);
    if (slot === NOBODY || !isKept(slot, load<u32>(stampBeside(place)))) return place;
  }
  return 0;
}

/** The endpoint never got these keys, which stood for so many blocks. */
export function removeKeys(slot: u32, keys: usize, keyCount: u32, blocks: u32): void {
  for (let i: u32 = 0; i < keyCount; i++) {
    removeKey(slot, load<u64>(keys + ((<usize>i) << 3)), blocksOfKey(i, keyCount, blocks));
  }
  settle(slot);
}

function removeKey(slot: u32, key: u64, blocks: u32): void {
  let at = home(key);
  for (let probe: u32 = 0; probe < PROBES_MAX; probe++) {
    const entry = entryAt(at);
    const found = load<u64>(entry);
    if (found === 0) return;
    const holder = found === key ? holderOf(entry, slot) : 0;
    if (holder !== 0) {
      leave(slot, load<u32>(stampBeside(holder)), blocks);
      store<u16>(holder, NOBODY);
      return;
    }
    at = after(at);
  }
}

// ---- upkeep -------------------------------------------------------------------------------------

/** Looks at `entries` entries and drops those that nobody holds any more. */
export function sweep(entries: u32): void {
  for (let i: u32 = 0; i < entries; i++) {
    const entry = entryAt(sweepAt);
    if (load<u64>(entry) !== 0 && !hasHolder(entry)) dropEntry(sweepAt);
    else sweepAt = after(sweepAt);
  }
}

function hasHolder(entry: usize): bool {
  let isHeld = false;
  for (let holder = 0; holder < HOLDERS_MAX; holder++) {
    const place = placeOf(entry, holder);
    const slot = load<u16>(place);
    if (slot === NOBODY) continue;
    if (isKept(slot, load<u32>(stampBeside(place)))) isHeld = true;
    else store<u16>(place, NOBODY);
  }
  return isHeld;
}

// ---- handing on ---------------------------------------------------------------------------------

export function keyOf(index: u32): u64 {
  return load<u64>(entryAt(index));
}

/** The endpoint that holds entry `index` as its holder `holder`, or -1. */
export function holderSlot(index: u32, holder: i32): i32 {
  const slot = load<u16>(placeOf(entryAt(index), holder));
  return slot === NOBODY ? -1 : <i32>slot;
}

export function holderAgeBlocks(index: u32, holder: i32): u32 {
  const place = placeOf(entryAt(index), holder);
  return ageOf(load<u16>(place), load<u32>(stampBeside(place)));
}
