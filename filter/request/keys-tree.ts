// The hash of a JSON value that is not text: tools, tool calls, parts of a message that are not
// text. White space, the order of members and the spelling of strings do not change it.
//
//   string             hash of its unescaped bytes
//   number, word       hash of its spelling, marked
//   array              combine of all before and the next, in order; marked
//   object             sum of combine(name, value) over its members; marked
//
// A value weighs the bytes of its strings, names, numbers and words. Of a member that comes twice
// the last counts, so the members of all open objects are kept until their object ends.
import { LITERAL_FALSE, LITERAL_NULL, LITERAL_TRUE } from "../json/handler.ts";
import { combine, hashOf } from "../json/text-hash.ts";
import { Growing } from "./keys-storage.ts";

const SCALAR_MARK: u64 = 0x5bd1e995;
const OBJECT_MARK: u64 = 0x1b873593;
const ARRAY_MARK: u64 = 0xcc9e2d51;

/** Hash of a number or word, from the hash of its spelling. */
export function scalarHash(spelling: u64): u64 {
  return spelling ^ SCALAR_MARK;
}

function wordHash(word: string): u64 {
  return scalarHash(hashOf(word));
}

const TRUE_HASH: u64 = wordHash("true");
const FALSE_HASH: u64 = wordHash("false");
const NULL_HASH: u64 = wordHash("null");
const OTHER_HASH: u64 = wordHash("NaN");

/** Hash of a word, by its LITERAL_*. */
export function literalHash(kind: u32): u64 {
  if (kind === LITERAL_TRUE) return TRUE_HASH;
  if (kind === LITERAL_FALSE) return FALSE_HASH;
  return kind === LITERAL_NULL ? NULL_HASH : OTHER_HASH;
}

/** Hash of an array, from the combination of its elements, which begins with zero. */
export function arrayHash(elements: u64): u64 {
  return combine(elements, ARRAY_MARK);
}

/** Low and high halves added apart, each wrapping. */
function addHalves(a: u64, b: u64): u64 {
  const low = (a as u32) + (b as u32);
  const high = ((a >>> 32) as u32) + ((b >>> 32) as u32);
  return (low as u64) | ((high as u64) << 32);
}

// One member:
//   0 hash of its name (8)   8 combine(name, value), or 0: as if absent (8)   16 weight (4)
const MEMBER_BYTES: u32 = 24;
const MEMBER_HASH: u32 = 8;
const MEMBER_WEIGHT: u32 = 16;
/** Members that a prompt holds without storage of its own. */
const OWN_MEMBERS: u32 = 16;

/** Objects of more members look for names that come twice in a table instead of one another. */
const COMPARED_MEMBERS: u32 = 8;
const TABLE_ENTRIES_MAX: u32 = 8192;
/** Names that begin at one place of the table; beyond it a second one of a name is not found. */
const PROBES_MAX: u32 = 16;
/** Member indexes plus one, two bytes each. Used within one call only. */
const TABLE: usize = heap.alloc(TABLE_ENTRIES_MAX * 2);

/** The members of all objects open at once, the innermost's last. */
export class Members {
  private readonly memory: Growing = new Growing(OWN_MEMBERS * MEMBER_BYTES);
  /** Members kept. Where an object's members begin is this number when it begins. */
  count: u32 = 0;
  /** Of the object that `end` was called for: its hash, its weight, and whether it had members. */
  hash: u64 = 0;
  weightBytes: u32 = 0;
  isPresent: bool = false;

  begin(): void {
    this.memory.shrink();
    this.count = 0;
  }

  private at(index: u32): usize {
    return this.memory.start + index * MEMBER_BYTES;
  }

  /** Keeps a member. The largest storage being full, it is left out of its object's hash. */
  push(name: u64, value: u64, weightBytes: u32): void {
    this.keep(name, combine(name, value), weightBytes);
  }

  /** Keeps that a member is as if absent, whatever it was before. */
  pushAbsent(name: u64): void {
    this.keep(name, 0, 0);
  }

  private keep(name: u64, hash: u64, weightBytes: u32): void {
    const used = this.count * MEMBER_BYTES;
    if (used + MEMBER_BYTES > this.memory.capacity && !this.memory.grow(used)) return;
    const at = this.memory.start + used;
    store<u64>(at, name);
    store<u64>(at, hash, MEMBER_HASH);
    store<u32>(at, weightBytes, MEMBER_WEIGHT);
    this.count++;
  }

  /** Ends the object whose members begin at `first`, and forgets them. */
  end(first: u32): void {
    if (this.count - first > COMPARED_MEMBERS) this.blankByTable(first);
    else this.blankByComparing(first);
    let sum: u64 = 0;
    let weight: u32 = 0;
    this.isPresent = false;
    for (let index = first; index < this.count; index++) {
      const at = this.at(index);
      const hash = load<u64>(at, MEMBER_HASH);
      sum = addHalves(sum, hash);
      weight += load<u32>(at, MEMBER_WEIGHT);
      if (hash !== 0) this.isPresent = true;
    }
    this.count = first;
    this.weightBytes = weight;
    this.hash = combine(sum, OBJECT_MARK);
  }

  private blank(index: u32): void {
    store<u64>(this.at(index), 0, MEMBER_HASH);
    store<u32>(this.at(index), 0, MEMBER_WEIGHT);
  }

  private blankByComparing(first: u32): void {
    for (let index = first; index < this.count; index++) {
      const name = load<u64>(this.at(index));
      for (let later = index + 1; later < this.count; later++) {
        if (load<u64>(this.at(later)) === name) this.blank(index);
      }
    }
  }

  private blankByTable(first: u32): void {
    let entries: u32 = 32;
    while (entries < 2 * (this.count - first)) entries *= 2;
    memory.fill(TABLE, 0, entries * 2);
    for (let index = first; index < this.count; index++) this.enter(first, index, entries - 1);
  }

  private enter(first: u32, index: u32, mask: u32): void {
    const name = load<u64>(this.at(index));
    let place = (name as u32) & mask;
    for (let probe: u32 = 0; probe < PROBES_MAX; probe++) {
      const entry: u32 = load<u16>(TABLE + place * 2);
      if (entry !== 0 && load<u64>(this.at(first + entry - 1)) === name) {
        this.blank(first + entry - 1);
      }
      if (entry === 0 || load<u64>(this.at(first + entry - 1)) === name) {
        store<u16>(TABLE + place * 2, (index - first + 1) as u16);
        return;
      }
      place = (place + 1) & mask;
    }
  }
}
