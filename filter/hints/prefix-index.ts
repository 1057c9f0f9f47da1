// Which keys are believed to be in which endpoint's KV cache. An open-addressing table of 32-byte
// entries, two to a cache line:
//
//   0            8         12        16                24
//   +------------+---------+---------+-----------------+
//   | key        | stamp 0..3        | slot 0..3       |
//   |  (u64)     |  (u32 each, 16 B) |  (u16 each)     |
//   +------------+-------------------+-----------------+
//   key 0 is an empty entry; slot 0xffff is no holder. A key with more than four holders has more
//   entries, further along its probe sequence.
//
// Every endpoint has a clock that counts, in sixteenths, the blocks it was sent. A holder's age is
// clock − stamp: a block the endpoint has not used while it was sent `capacity` others has left its
// cache. This is LRU by stamps, without lists. A block used again moves the clock by age/capacity,
// which is what it does, on average, to the LRU distance of all others.
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { capacityOf } from "./table.ts";

const ENTRY_BYTES: usize = 32;
const STAMPS: usize = 8;
const HOLDERS: usize = 24;
const HOLDERS_MAX: usize = 4;
const NOBODY: u16 = 0xffff;
/** Sixteenths of a block in one unit of a stamp. */
const CLOCK_UNIT: u32 = 16;
/** How long an entry is kept, as a multiple of the endpoint's capacity. */
export const KEEP: u64 = 6;
/** Older than anything an endpoint of a million blocks keeps. */
const FORGOTTEN_BLOCKS: u32 = 7_000_000;
const ENTRIES_START: u32 = 8192;
const PROBES_MAX: u32 = 4096;
/**
 * Entries looked at for each new one. A pass over the table then takes as many insertions as a
 * quarter of its entries, so that those nobody holds any more are never more than that.
 */
const SWEEPS_PER_ENTRY: u32 = 4;

let table: usize = heap.alloc(<usize>ENTRIES_START * ENTRY_BYTES);
memory.fill(table, 0, <usize>ENTRIES_START * ENTRY_BYTES);
let mask: u32 = ENTRIES_START - 1;
/** Entries in use, and keys that found no room. */
export let entryCount: u32 = 0;
export let refusedKeys: u32 = 0;
let sweepAt: u32 = 0;

const clocks = new StaticArray<u32>(<i32>SLOTS_MAX);

/** Leading keys of the prompt matched last that each endpoint holds, and held until recently. */
export const matchedKeys = new StaticArray<u32>(<i32>SLOTS_MAX);
export const rememberedKeys = new StaticArray<u32>(<i32>SLOTS_MAX);

// @inline by the optimiser: home of a key.
function home(key: u64): u32 {
  return (<u32>(key >> 32) ^ <u32>key) & mask;
}

function entryAt(index: u32): usize {
  return table + <usize>index * ENTRY_BYTES;
}

function age(slot: u32, stamp: u32): u32 {
  return unchecked(clocks[slot]) - stamp;
}

function capacity(slot: u32): u32 {
  return max(unchecked(capacityOf[slot]), 1) * CLOCK_UNIT;
}

function isKept(slot: u32, stamp: u32): bool {
  return <u64>age(slot, stamp) <= <u64>capacity(slot) * KEEP;
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
    at = (at + 1) & mask;
  }
  return isAlive;
}

function matchHolders(entry: usize, depth: u32): bool {
  let isAlive = false;
  for (let holder: usize = 0; holder < HOLDERS_MAX; holder++) {
    const slot = load<u16>(entry + HOLDERS + (holder << 1));
    if (slot === NOBODY) continue;
    const since = age(slot, load<u32>(entry + STAMPS + (holder << 2)));
    if (unchecked(rememberedKeys[slot]) !== depth || <u64>since > <u64>capacity(slot) * KEEP)
      continue;
    unchecked((rememberedKeys[slot] = depth + 1));
    isAlive = true;
    if (unchecked(matchedKeys[slot]) === depth && since <= capacity(slot)) {
      unchecked((matchedKeys[slot] = depth + 1));
    }
  }
  return isAlive;
}

/** The endpoint is sent these keys, in chain order: it holds them now. */
export function insertKeys(slot: u32, keys: usize, keyCount: u32): void {
  const entriesBefore = entryCount;
  let advance: u32 = 0;
  for (let i: u32 = 0; i < keyCount; i++) {
    advance += hold(slot, load<u64>(keys + ((<usize>i) << 3)), 0);
  }
  unchecked((clocks[slot] = clocks[slot] + advance));
  sweep((entryCount - entriesBefore) * SWEEPS_PER_ENTRY);
}

/** The endpoint holds one key that was last used `ageBlocks` blocks ago. */
export function insertAged(slot: u32, key: u64, ageBlocks: u32): void {
  hold(slot, key, ageBlocks * CLOCK_UNIT);
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
      if (<u64>entryCount * 8 >= (<u64>mask + 1) * 7) break;
      claimEntry(entry, key);
      room = entry + HOLDERS;
      break;
    }
    if (found === key) {
      const holder = holderOf(entry, slot);
      if (holder !== 0) return restamp(slot, entry, holder, stamp);
      if (room === 0) room = freeHolder(entry);
    }
    at = (at + 1) & mask;
  }
  if (room === 0) {
    refusedKeys++;
    return CLOCK_UNIT;
  }
  const entry = table + ((room - table) / ENTRY_BYTES) * ENTRY_BYTES;
  store<u16>(room, <u16>slot);
  store<u32>(entry + STAMPS + ((room - entry - HOLDERS) << 1), stamp);
  return CLOCK_UNIT;
}

function claimEntry(entry: usize, key: u64): void {
  store<u64>(entry, key);
  store<u64>(entry + HOLDERS, <u64>-1);
  entryCount++;
}

/** Where the slot stands among the entry's holders, 0 when it does not. */
function holderOf(entry: usize, slot: u32): usize {
  for (let holder: usize = 0; holder < HOLDERS_MAX; holder++) {
    const at = entry + HOLDERS + (holder << 1);
    if (load<u16>(at) === <u16>slot) return at;
  }
  return 0;
}

/** A holder's place that is empty or whose endpoint has long lost the key; 0 when there is none. */
function freeHolder(entry: usize): usize {
  for (let holder: usize = 0; holder < HOLDERS_MAX; holder++) {
    const at = entry + HOLDERS + (holder << 1);
    const slot = load<u16>(at);
    if (slot === NOBODY || !isKept(slot, load<u32>(entry + STAMPS + (holder << 2)))) return at;
  }
  return 0;
}

function restamp(slot: u32, entry: usize, holder: usize, stamp: u32): u32 {
  const at = entry + STAMPS + ((holder - entry - HOLDERS) << 1);
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
      at = (at + 1) & mask;
    }
  }
}

/** The slot has another endpoint: all it held is too old, also for one that holds far more. */
export function forgetSlot(slot: u32): void {
  unchecked((clocks[slot] = clocks[slot] + FORGOTTEN_BLOCKS * CLOCK_UNIT));
}

// ---- size and upkeep ----------------------------------------------------------------------------

/** Makes room for `keys` keys; the table only grows. Called when a table comes, never at a pick. */
export function reserve(keys: u32): void {
  let entries: u32 = ENTRIES_START;
  while (entries < keys * 2) entries *= 2;
  if (entries <= mask + 1) return;
  const old = table;
  const oldCount = mask + 1;
  table = heap.alloc(<usize>entries * ENTRY_BYTES);
  memory.fill(table, 0, <usize>entries * ENTRY_BYTES);
  mask = entries - 1;
  for (let i: u32 = 0; i < oldCount; i++) {
    const entry = old + <usize>i * ENTRY_BYTES;
    if (load<u64>(entry) !== 0) place(entry);
  }
}

function place(entry: usize): void {
  let at = home(load<u64>(entry));
  while (load<u64>(entryAt(at)) !== 0) at = (at + 1) & mask;
  memory.copy(entryAt(at), entry, ENTRY_BYTES);
}

/** Looks at `entries` entries and drops those that nobody holds any more. */
export function sweep(entries: u32): void {
  for (let i: u32 = 0; i < entries; i++) {
    const entry = entryAt(sweepAt);
    if (load<u64>(entry) !== 0 && !hasHolder(entry)) dropEntry(sweepAt);
    else sweepAt = (sweepAt + 1) & mask;
  }
}

function hasHolder(entry: usize): bool {
  let isHeld = false;
  for (let holder: usize = 0; holder < HOLDERS_MAX; holder++) {
    const at = entry + HOLDERS + (holder << 1);
    const slot = load<u16>(at);
    if (slot === NOBODY) continue;
    if (isKept(slot, load<u32>(entry + STAMPS + (holder << 2)))) isHeld = true;
    else store<u16>(at, NOBODY);
  }
  return isHeld;
}

/** Empties an entry and moves back those behind it, so that no probe sequence is cut. */
function dropEntry(index: u32): void {
  let hole = index;
  let at = index;
  for (;;) {
    at = (at + 1) & mask;
    const key = load<u64>(entryAt(at));
    if (key === 0) break;
    const distance = (at - home(key)) & mask;
    if (distance >= ((at - hole) & mask)) {
      memory.copy(entryAt(hole), entryAt(at), ENTRY_BYTES);
      hole = at;
    }
  }
  store<u64>(entryAt(hole), 0);
  entryCount--;
}

// ---- handing on ---------------------------------------------------------------------------------

/** Entries of the table, for a walk by number. */
export function entrySlots(): u32 {
  return mask + 1;
}

export function keyOf(index: u32): u64 {
  return load<u64>(entryAt(index));
}

/** The endpoint that holds entry `index` as its holder `holder`, or -1. */
export function holderSlot(index: u32, holder: i32): i32 {
  const slot = load<u16>(entryAt(index) + HOLDERS + ((<usize>holder) << 1));
  return slot === NOBODY ? -1 : <i32>slot;
}

export function holderAgeBlocks(index: u32, holder: i32): u32 {
  const entry = entryAt(index);
  const slot = load<u16>(entry + HOLDERS + ((<usize>holder) << 1));
  return age(slot, load<u32>(entry + STAMPS + ((<usize>holder) << 2))) / CLOCK_UNIT;
}
