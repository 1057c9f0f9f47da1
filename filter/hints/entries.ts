// The memory of the prefix index: an open-addressing table of 32-byte entries, two to a cache line,
// in a region of its own that is as long as the table may ever be. Pages that no entry has stood in
// cost nothing; the table grows in place, so that no smaller one is left behind.
//
//   0            8                   24                32
//   +------------+-------------------+-----------------+
//   | key (u64)  | stamp 0..3 (u32)  | slot 0..3 (u16) |      key 0 is an empty entry
//   +------------+-------------------+-----------------+
//
// An entry stands at its key's home or behind it, with no empty entry between (linear probing).
import { INDEX_KEYS_MAX } from "../../protocol/limits.ts";

const ENTRY_BYTES: usize = 32;
const STAMPS: usize = 8;
const HOLDERS: usize = 24;
export const HOLDERS_MAX: i32 = 4;
export const NOBODY: u16 = 0xffff;
const NO_HOLDERS: u64 = <u64>-1;

const ENTRIES_START: u32 = 8_192;
/** 44 MiB: with INDEX_KEYS_MAX keys it is full to 70 %, and to 82 % with those not swept yet. */
const ENTRIES_MAX: u32 = 1_441_792;
/** Entries per key that is to find room. */
const ROOM_FACTOR: f64 = <f64>ENTRIES_MAX / <f64>INDEX_KEYS_MAX;
/** Eighths of the table that may be in use: beyond, a walk to an empty entry takes too long. */
const FULL_EIGHTHS: u64 = 7;
/** Spreads keys over the table also where somebody else made them. */
const SPREAD: u32 = 0x9e3779b1;

const CACHE_LINE: usize = 64;

const region: usize = aligned(heap.alloc(<usize>ENTRIES_MAX * ENTRY_BYTES + CACHE_LINE));
/** One bit an entry, while the table grows: it stands where the larger table wants it. */
const placed: usize = heap.alloc(<usize>ENTRIES_MAX >> 3);
const carried: usize = heap.alloc(ENTRY_BYTES);

let count: u32 = ENTRIES_START;
/** Entries in use. */
export let entryCount: u32 = 0;
memory.fill(region, 0, <usize>count * ENTRY_BYTES);

function aligned(at: usize): usize {
  return (at + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
}

/** Entries of the table, in use or not, for a walk by number. */
export function entrySlots(): u32 {
  return count;
}

export function entryAt(index: u32): usize {
  return region + <usize>index * ENTRY_BYTES;
}

/** Where an entry names its holder number `holder`. */
export function placeOf(entry: usize, holder: i32): usize {
  return entry + HOLDERS + ((<usize>holder) << 1);
}

/** Where the stamp of the holder stands that is named at `place`. */
export function stampBeside(place: usize): usize {
  const holder = (place & 7) >> 1;
  return place - (place % ENTRY_BYTES) + STAMPS + (holder << 2);
}

/** Where a key's probe sequence begins. */
export function home(key: u64): u32 {
  const hash = (<u32>(key >> 32) ^ <u32>key) * SPREAD;
  return <u32>((<u64>hash * <u64>count) >> 32);
}

/** The next entry of a probe sequence: behind the last comes the first. */
export function after(index: u32): u32 {
  const next = index + 1;
  return next === count ? 0 : next;
}

export function isFull(): bool {
  return <u64>entryCount * 8 >= <u64>count * FULL_EIGHTHS;
}

/** Takes an empty entry for a key that nobody holds yet. */
export function claimEntry(entry: usize, key: u64): void {
  store<u64>(entry, key);
  store<u64>(entry + HOLDERS, NO_HOLDERS);
  entryCount++;
}

/** Empties an entry and moves back those behind it, so that no probe sequence is cut. */
export function dropEntry(index: u32): void {
  let hole = index;
  for (let at = after(index); ; at = after(at)) {
    const key = load<u64>(entryAt(at));
    if (key === 0) break;
    if (distance(home(key), at) < distance(hole, at)) continue;
    memory.copy(entryAt(hole), entryAt(at), ENTRY_BYTES);
    hole = at;
  }
  store<u64>(entryAt(hole), 0);
  entryCount--;
}

/** Steps of a probe sequence from one entry to another. */
function distance(from: u32, to: u32): u32 {
  return to >= from ? to - from : to + count - from;
}

// ---- growth -------------------------------------------------------------------------------------

/**
 * Makes room for `keys` keys, at most INDEX_KEYS_MAX; the table only grows. Called when a table of
 * hints comes, never at a pick: moving half a million entries takes some 50 ms.
 */
export function reserve(keys: u32): void {
  const wanted = min(<f64>ENTRIES_MAX, <f64>keys * ROOM_FACTOR);
  let entries = count;
  while (<f64>entries < wanted) entries = min(entries * 2, ENTRIES_MAX);
  if (entries === count) return;
  const before = count;
  memory.fill(entryAt(before), 0, <usize>(entries - before) * ENTRY_BYTES);
  memory.fill(placed, 0, <usize>entries >> 3);
  count = entries;
  for (let index: u32 = 0; index < before; index++) {
    if (load<u64>(entryAt(index)) === 0 || isPlaced(index)) continue;
    memory.copy(carried, entryAt(index), ENTRY_BYTES);
    store<u64>(entryAt(index), 0);
    placeCarried();
  }
}

/**
 * Puts the carried entry where the larger table wants it. What it finds there that is still to be
 * placed is carried on in its stead, until one finds an empty entry.
 */
function placeCarried(): void {
  let at = home(load<u64>(carried));
  for (;;) {
    const entry = entryAt(at);
    if (load<u64>(entry) === 0) {
      memory.copy(entry, carried, ENTRY_BYTES);
      markPlaced(at);
      return;
    }
    if (isPlaced(at)) {
      at = after(at);
      continue;
    }
    exchange(entry);
    markPlaced(at);
    at = home(load<u64>(carried));
  }
}

function exchange(entry: usize): void {
  for (let at: usize = 0; at < ENTRY_BYTES; at += 8) {
    const word = load<u64>(entry + at);
    store<u64>(entry + at, load<u64>(carried + at));
    store<u64>(carried + at, word);
  }
}

function isPlaced(index: u32): bool {
  return (load<u8>(placed + (<usize>index >> 3)) & bitOf(index)) !== 0;
}

function markPlaced(index: u32): void {
  const at = placed + (<usize>index >> 3);
  store<u8>(at, load<u8>(at) | bitOf(index));
}

function bitOf(index: u32): u8 {
  const bit = <u8>(index & 7);
  return (<u8>1) << bit;
}
