// Which keys are believed to be in which endpoint's KV cache. An entry of the table has up to four
// holders, each with a stamp; a key with more holders has more entries, further along its probe
// sequence.
//
// Every endpoint has a clock that counts, in sixteenths, the blocks it was sent. A holder's age is
// clock − stamp: a block the endpoint has not used while it was sent `capacity` others has left its
// cache. This is LRU by stamps, without lists. A block used again moves the clock by age/capacity,
// which is what it does, on average, to the LRU distance of all others.
import { COARSE_BLOCKS } from "../../protocol/keys.ts";
import { INDEX_KEYS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
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
import { capacityOf } from "./table.ts";

/** Sixteenths of a block in one unit of a stamp. */
const CLOCK_UNIT: u32 = 16;
/** Older than anything that is kept: all endpoints together keep INDEX_KEYS_MAX blocks. */
const FORGOTTEN_BLOCKS: u32 = INDEX_KEYS_MAX + 1;
const PROBES_MAX: u32 = 4096;
/**
 * Entries looked at for each new one. A pass over the table then takes as many insertions as an
 * eighth of its entries, so that those nobody holds any more are never more than that.
 */
const SWEEPS_PER_ENTRY: u32 = 8;

/** Keys that found no room. */
export let refusedKeys: u32 = 0;
let sweepAt: u32 = 0;

const clocks = new StaticArray<u32>(<i32>SLOTS_MAX);
/** Blocks that are remembered of each endpoint: its capacity, and what it held until recently. */
const keptOf = new StaticArray<u32>(<i32>SLOTS_MAX);

/** Leading keys of the prompt matched last that each endpoint holds, and held until recently. */
export const matchedKeys = new StaticArray<u32>(<i32>SLOTS_MAX);
export const rememberedKeys = new StaticArray<u32>(<i32>SLOTS_MAX);

export function keepBlocks(slot: u32, blocks: u32): void {
  unchecked((keptOf[slot] = blocks));
}

function age(slot: u32, stamp: u32): u32 {
  return unchecked(clocks[slot]) - stamp;
}

function capacity(slot: u32): u32 {
  return max(unchecked(capacityOf[slot]), 1) * CLOCK_UNIT;
}

function kept(slot: u32): u32 {
  return unchecked(keptOf[slot]) * CLOCK_UNIT;
}

function isKept(slot: u32, stamp: u32): bool {
  return age(slot, stamp) <= kept(slot);
}

/**
 * Counts, for each endpoint of `slots`, how many leading keys it holds. A key that nobody kept ends
 * the walk.
 */
export function matchKeys(keys: usize, keyCount: u32, slots: StaticArray<u16>, count: i32): void {
  for (let i = 0; i < count; i++) {
    const slot = unchecked(slots[i]);
    unchecked((matchedKeys[slot] = 0));
    unchecked((rememberedKeys[slot] = 0));
  }
  for (let i: u32 = 0; i < keyCount; i++) {
    if (!matchKey(load<u64>(keys + ((<usize>i) << 3)), i)) return;
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
    const since = age(slot, load<u32>(stampBeside(place)));
    if (unchecked(rememberedKeys[slot]) !== depth || since > kept(slot)) continue;
    unchecked((rememberedKeys[slot] = depth + 1));
    isAlive = true;
    if (unchecked(matchedKeys[slot]) === depth && since <= capacity(slot)) {
      unchecked((matchedKeys[slot] = depth + 1));
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
  const sent = min(max(blocks, keyCount), keyCount * COARSE_BLOCKS);
  const start = unchecked(clocks[slot]);
  let advance: u32 = 0;
  for (let i = keyCount; i > 0; ) {
    i--;
    advance += hold(slot, load<u64>(keys + ((<usize>i) << 3)), 0);
    unchecked((clocks[slot] = start + <u32>((<u64>advance * sent) / keyCount)));
  }
  sweep((entryCount - entriesBefore) * SWEEPS_PER_ENTRY);
}

/** The endpoint holds one key that was last used `ageBlocks` blocks ago; too old ones are not kept. */
export function insertAged(slot: u32, key: u64, ageBlocks: u32): void {
  if (ageBlocks <= unchecked(keptOf[slot])) hold(slot, key, ageBlocks * CLOCK_UNIT);
}

/** Stamps one key; answers how far that moves the endpoint's clock. */
function hold(slot: u32, key: u64, since: u32): u32 {
  if (key === 0) return 0;
  const stamp = unchecked(clocks[slot]) - since;
  let at = home(key);
  let room: usize = 0;
  for (let probe: u32 = 0; probe < PROBES_MAX; probe++) {
    const entry = entryAt(at);
    const found = load<u64>(entry);
    if (found === 0) {
      if (room !== 0) break;
      if (isFull()) break;
      claimEntry(entry, key);
      room = placeOf(entry, 0);
      break;
    }
    if (found === key) {
      const holder = holderOf(entry, slot);
      if (holder !== 0) return restamp(slot, holder, stamp);
      if (room === 0) room = freeHolder(entry);
    }
    at = after(at);
  }
  if (room === 0) {
    refusedKeys++;
    return CLOCK_UNIT;
  }
  store<u16>(room, <u16>slot);
  store<u32>(stampBeside(room), stamp);
  return CLOCK_UNIT;
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

function restamp(slot: u32, place: usize, stamp: u32): u32 {
  const at = stampBeside(place);
  const since = age(slot, load<u32>(at));
  if (since > unchecked(clocks[slot]) - stamp) store<u32>(at, stamp);
  const full = capacity(slot);
  return since >= full ? CLOCK_UNIT : <u32>((<u64>since * CLOCK_UNIT) / full);
}

/** The endpoint never got these keys. */
export function removeKeys(slot: u32, keys: usize, keyCount: u32): void {
  for (let i: u32 = 0; i < keyCount; i++) {
    const key = load<u64>(keys + ((<usize>i) << 3));
    let at = home(key);
    for (let probe: u32 = 0; probe < PROBES_MAX; probe++) {
      const entry = entryAt(at);
      const found = load<u64>(entry);
      if (found === 0) break;
      const holder = found === key ? holderOf(entry, slot) : 0;
      if (holder !== 0) {
        store<u16>(holder, NOBODY);
        break;
      }
      at = after(at);
    }
  }
}

/** The slot has another endpoint: all it held is too old, also for one that holds far more. */
export function forgetSlot(slot: u32): void {
  unchecked((clocks[slot] = clocks[slot] + FORGOTTEN_BLOCKS * CLOCK_UNIT));
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
  return age(load<u16>(place), load<u32>(stampBeside(place))) / CLOCK_UNIT;
}
