// The protocol's hash (protocol/keys.ts) over memory, with SIMD and 64-bit results, and the hash of
// one text that arrives in pieces.
//
//   up to 64 bytes     the text's words are folded as they are; the last is padded with zeros
//   more               stripes over sixteen lanes, then the lanes are folded
//
// Most texts here are names of a few bytes, and folding three words costs a fifth of folding
// sixteen lanes. `stripes()` hashes any length by stripes, as the protocol's hashBytes does.
import {
  FOLD_PRIME_HIGH,
  FOLD_PRIME_LOW,
  initialLane,
  LANE_STEP,
  LANES,
  STRIPE_BYTES,
  STRIPE_PRIME,
} from "../../protocol/keys.ts";
import { isPlainStripe } from "./scan.ts";

export const LANE_BYTES: u32 = 4 * LANES;
export const STRIPE_ROOM_BYTES: u32 = STRIPE_BYTES + 16;
/** Of a text's first bytes, how many are at hand however long it is. */
const HEAD_BYTES: u32 = 16;

/** What all sixteen lanes start from. */
const INITIAL_LANES: usize = initialLanes();

/** Of the stripes, in four lanes: see json/scan.ts for why it stands in memory. */
const PRIMES: usize = primes();

function primes(): usize {
  const at = heap.alloc(16);
  for (let lane: u32 = 0; lane < 4; lane++) store<u32>(at + lane * 4, STRIPE_PRIME);
  return at;
}

function initialLanes(): usize {
  const lanes = heap.alloc(LANE_BYTES);
  for (let lane: u32 = 0; lane < LANES; lane++) store<u32>(lanes + lane * 4, initialLane(lane));
  return lanes;
}

function avalanche(value: u32): u32 {
  let mixed = (value ^ (value >>> 16)) * FOLD_PRIME_LOW;
  mixed = (mixed ^ (mixed >>> 13)) * FOLD_PRIME_HIGH;
  return mixed ^ (mixed >>> 16);
}

function endFold(low: u32, high: u32): u64 {
  const foldedLow = avalanche(low + high * STRIPE_PRIME);
  const foldedHigh = avalanche(high ^ (foldedLow * LANE_STEP));
  return (foldedLow as u64) | ((foldedHigh as u64) << 32);
}

/** Fold of `words` words at `source`, begun with `bytes`. */
function foldWords(source: usize, words: u32, bytes: u32): u64 {
  let low = bytes;
  let high = bytes ^ STRIPE_PRIME;
  for (let end = source + words * 4; source < end; source += 4) {
    const word = load<u32>(source);
    low = (low ^ word) * FOLD_PRIME_LOW;
    low ^= low >>> 13;
    high = (high + word) * FOLD_PRIME_HIGH;
    high ^= high >>> 16;
  }
  return endFold(low, high);
}

/** Fold of sixteen lanes that hold `bytes` bytes. */
export function foldLanes(lanes: usize, bytes: u32): u64 {
  return foldWords(lanes, LANES, bytes);
}

/** Ordered combination of two hashes, as the protocol's combine. */
export function combine(a: u64, b: u64): u64 {
  let low: u32 = STRIPE_PRIME;
  let high: u32 = 0;
  low = (low ^ (a as u32)) * FOLD_PRIME_LOW;
  low ^= low >>> 13;
  high = (high + (a as u32)) * FOLD_PRIME_HIGH;
  high ^= high >>> 16;
  low = (low ^ ((a >>> 32) as u32)) * FOLD_PRIME_LOW;
  low ^= low >>> 13;
  high = (high + ((a >>> 32) as u32)) * FOLD_PRIME_HIGH;
  high ^= high >>> 16;
  low = (low ^ (b as u32)) * FOLD_PRIME_LOW;
  low ^= low >>> 13;
  high = (high + (b as u32)) * FOLD_PRIME_HIGH;
  high ^= high >>> 16;
  low = (low ^ ((b >>> 32) as u32)) * FOLD_PRIME_LOW;
  low ^= low >>> 13;
  high = (high + ((b >>> 32) as u32)) * FOLD_PRIME_HIGH;
  high ^= high >>> 16;
  return endFold(low, high);
}

export function resetLanes(lanes: usize): void {
  v128.store(lanes, v128.load(INITIAL_LANES));
  v128.store(lanes, v128.load(INITIAL_LANES, 16), 16);
  v128.store(lanes, v128.load(INITIAL_LANES, 32), 32);
  v128.store(lanes, v128.load(INITIAL_LANES, 48), 48);
}

function mixLanes(lanes: v128, words: v128): v128 {
  const mixed = i32x4.mul(v128.xor(lanes, words), v128.load(PRIMES));
  return v128.xor(mixed, i32x4.shr_u(mixed, 15));
}

/** Mixes `stripes` whole stripes at `source` into the lanes. */
export function mixStripes(lanes: usize, source: usize, stripes: u32): void {
  mix(lanes, source, source + stripes * STRIPE_BYTES, false);
}

/**
 * Mixes the whole stripes at `source`, up to the first that is not plain text of a JSON string or to
 * `end`: each is read once. Answers where it stopped.
 */
export function mixPlainStripes(lanes: usize, source: usize, end: usize): usize {
  return mix(lanes, source, end, true);
}

function mix(lanes: usize, source: usize, end: usize, isChecked: bool): usize {
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  for (; source + STRIPE_BYTES <= end; source += STRIPE_BYTES) {
    if (isChecked && !isPlainStripe(source)) break;
    a = mixLanes(a, v128.load(source));
    b = mixLanes(b, v128.load(source, 16));
    c = mixLanes(c, v128.load(source, 32));
    d = mixLanes(d, v128.load(source, 48));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  v128.store(lanes, c, 32);
  v128.store(lanes, d, 48);
  return source;
}

/** Copies few bytes, reading and writing nothing beyond them. */
export function copyShort(target: usize, source: usize, bytes: u32): void {
  if (bytes >= 16) {
    for (let at: u32 = 0; at + 16 <= bytes; at += 16) {
      v128.store(target + at, v128.load(source + at));
    }
    v128.store(target + bytes - 16, v128.load(source + bytes - 16));
  } else if (bytes >= 8) {
    const last = load<u64>(source + bytes - 8);
    store<u64>(target, load<u64>(source));
    store<u64>(target + bytes - 8, last);
  } else if (bytes >= 4) {
    const last = load<u32>(source + bytes - 4);
    store<u32>(target, load<u32>(source));
    store<u32>(target + bytes - 4, last);
  } else {
    for (let at: u32 = 0; at < bytes; at++) store<u8>(target + at, load<u8>(source + at));
  }
}

/**
 * Fills a stripe up with zeros behind its first `bytes` bytes. Up to 15 bytes behind the stripe are
 * overwritten: whoever holds one leaves that room (STRIPE_ROOM_BYTES in all).
 */
export function padStripe(stripe: usize, bytes: u32): void {
  for (let at = bytes; at < STRIPE_BYTES; at += 16) v128.store(stripe + at, i32x4.splat(0));
}

/** The hash of one text at a time, whose bytes arrive in any pieces. */
export class TextHash {
  /** The first 64 bytes of a text not longer than that; else its last stripe. */
  private readonly stripe: usize = heap.alloc(STRIPE_ROOM_BYTES);
  private readonly lanes: usize = heap.alloc(LANE_BYTES);
  private readonly longHead: usize = heap.alloc(HEAD_BYTES);
  /** Bytes in `stripe`. A whole stripe waits there: it may be all of the text. */
  private held: u32 = 0;
  /** Bytes of the text so far. */
  bytes: u32 = 0;

  begin(): void {
    this.held = 0;
    this.bytes = 0;
  }

  add(source: usize, bytes: u32): void {
    if (this.held + bytes > STRIPE_BYTES) {
      this.addLong(source, bytes);
      return;
    }
    copyShort(this.stripe + this.held, source, bytes);
    this.held += bytes;
    this.bytes += bytes;
  }

  private addLong(source: usize, bytes: u32): void {
    const isFirst = this.bytes <= STRIPE_BYTES;
    if (isFirst) resetLanes(this.lanes);
    this.bytes += bytes;
    const room = STRIPE_BYTES - this.held;
    copyShort(this.stripe + this.held, source, room);
    if (isFirst) copyShort(this.longHead, this.stripe, HEAD_BYTES);
    mixStripes(this.lanes, this.stripe, 1);
    source += room;
    bytes -= room;
    const whole = (bytes - 1) / STRIPE_BYTES;
    mixStripes(this.lanes, source, whole);
    this.held = bytes - whole * STRIPE_BYTES;
    copyShort(this.stripe, source + whole * STRIPE_BYTES, this.held);
  }

  /** The text's first 16 bytes; what is behind its end is undefined. */
  head(): usize {
    return this.bytes > STRIPE_BYTES ? this.longHead : this.stripe;
  }

  /** Hash of a text of up to 64 bytes by its words, of a longer one by stripes. */
  end(): u64 {
    if (this.bytes > STRIPE_BYTES) return this.stripes();
    store<u32>(this.stripe + this.bytes, 0);
    return foldWords(this.stripe, (this.bytes + 3) >>> 2, this.bytes);
  }

  /** Hash as the protocol's hashBytes: for what the control plane hashes too. */
  stripes(): u64 {
    if (this.bytes <= STRIPE_BYTES) resetLanes(this.lanes);
    if (this.held !== 0) {
      padStripe(this.stripe, this.held);
      mixStripes(this.lanes, this.stripe, 1);
    }
    return foldLanes(this.lanes, this.bytes);
  }
}

const CONSTANT = new TextHash();
const CHARACTER: usize = heap.alloc(16);

/** Hash of an ASCII name of the source code, as TextHash.end gives for it. */
export function hashOf(name: string): u64 {
  CONSTANT.begin();
  for (let at = 0; at < name.length; at++) {
    store<u8>(CHARACTER, name.charCodeAt(at) as u8);
    CONSTANT.add(CHARACTER, 1);
  }
  return CONSTANT.end();
}
