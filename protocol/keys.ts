// The hash behind block keys. A part of a prompt (the text of one message, the value of a field) is
// hashed in stripes of 64 bytes over sixteen 32-bit lanes, so that SIMD and plain numbers agree:
//
//   byte    0   4   8                          60
//         +---+---+---+----------------------+---+
//   text  | 0 | 1 | 2 |   ...                |15 |   stripe 0    word i goes to lane i
//         +---+---+---+----------------------+---+
//         | 0 | 1 | 2 |   ...                |15 |   stripe 1
//
//   lane = (lane ^ word) * STRIPE_PRIME;  lane ^= lane >>> 15
//
// The last stripe is padded with zeros; the length is folded in. A fold turns the sixteen lanes into
// two 32-bit halves and leaves them unchanged, so a fold at each block's end is a chained hash of
// all the part's bytes so far. It is not cryptographic: a collision costs a wrong guess about a
// cache, never a wrong answer.
import { multiply } from "./arithmetic.ts";

export const STRIPE_BYTES: u32 = 64;
export const LANES: u32 = 16;

// A segment of a prompt is cut into blocks that grow with depth, so that a long prompt has few keys:
//
//   | block | block | … FINE_BLOCKS of them … |    coarse block    |    coarse block    | …
//
// Short prompts are told apart finely; deep in a long one, a guess that is off by less than a coarse
// block changes the time to its first token by little.

/** Leading blocks of a segment that have the pool's block size. */
export const FINE_BLOCKS: u32 = 8;
/** A later block is so many times as long. Divides FINE_BLOCKS: coarse blocks end at its multiples. */
export const COARSE_BLOCKS: u32 = 4;

/** Length of the block in which byte `offset` of a segment stands. */
export function blockBytesAt(offset: u32, blockBytes: u32): u32 {
  return offset < FINE_BLOCKS * blockBytes ? blockBytes : COARSE_BLOCKS * blockBytes;
}

/** Bytes of a segment that its first `blocks` blocks cover. */
export function bytesOfBlocks(blocks: u32, blockBytes: u32): u32 {
  if (blocks <= FINE_BLOCKS) return blocks * blockBytes;
  return (FINE_BLOCKS + (blocks - FINE_BLOCKS) * COARSE_BLOCKS) * blockBytes;
}

/**
 * Blocks that key `key` of `keyCount` stands for, where all of them stand for `blocks`: whole numbers,
 * as equal as can be, since which key ends a coarse block is not told.
 */
export function blocksOfKey(key: u32, keyCount: u32, blocks: u32): u32 {
  const most: u32 = keyCount * COARSE_BLOCKS;
  const least: u32 = blocks < keyCount ? keyCount : blocks;
  const all: u32 = least < most ? least : most;
  return quotient((key + 1) * all, keyCount) - quotient(key * all, keyCount);
}

function quotient(a: u32, b: u32): u32 {
  return (a - (a % b)) / b;
}

export const STRIPE_PRIME: u32 = 0x9e3779b1;
export const FOLD_PRIME_LOW: u32 = 0x85ebca6b;
export const FOLD_PRIME_HIGH: u32 = 0xc2b2ae35;
export const LANE_STEP: u32 = 0x27d4eb2f;

/** The two halves of the last fold or combination. Read them before the next call. */
export let keyLow: u32 = 0;
export let keyHigh: u32 = 0;

/** What lane `index` starts from. */
export function initialLane(index: u32): u32 {
  return multiply((index + 1) >>> 0, LANE_STEP);
}

/** One word into one lane. */
export function mixLane(lane: u32, word: u32): u32 {
  const mixed: u32 = multiply((lane ^ word) >>> 0, STRIPE_PRIME);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function avalanche(value: u32): u32 {
  let mixed: u32 = (value ^ (value >>> 16)) >>> 0;
  mixed = multiply(mixed, FOLD_PRIME_LOW);
  mixed = (mixed ^ (mixed >>> 13)) >>> 0;
  mixed = multiply(mixed, FOLD_PRIME_HIGH);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Begins a fold over `bytes` bytes of text. */
export function beginFold(bytes: u32): void {
  keyLow = bytes;
  keyHigh = (bytes ^ STRIPE_PRIME) >>> 0;
}

/** Takes one lane into the fold, in lane order. */
export function foldLane(lane: u32): void {
  const low: u32 = multiply((keyLow ^ lane) >>> 0, FOLD_PRIME_LOW);
  keyLow = (low ^ (low >>> 13)) >>> 0;
  const high: u32 = multiply((keyHigh + lane) >>> 0, FOLD_PRIME_HIGH);
  keyHigh = (high ^ (high >>> 16)) >>> 0;
}

/** Ends the fold: each half depends on both. */
export function endFold(): void {
  const low: u32 = avalanche((keyLow + multiply(keyHigh, STRIPE_PRIME)) >>> 0);
  keyHigh = avalanche((keyHigh ^ multiply(low, LANE_STEP)) >>> 0);
  keyLow = low;
}

/** Ordered combination of two 64-bit hashes: (a, b) and (b, a) differ. Result in keyLow, keyHigh. */
export function combine(aLow: u32, aHigh: u32, bLow: u32, bHigh: u32): void {
  beginFold(STRIPE_PRIME);
  foldLane(aLow);
  foldLane(aHigh);
  foldLane(bLow);
  foldLane(bHigh);
  endFold();
}

/**
 * Hash of a whole run of bytes, as a field's value or a name is hashed. `lanes` is working space for
 * sixteen numbers. Result in keyLow and keyHigh. The filter does the same with SIMD.
 */
export function hashBytes(view: DataView, start: u32, bytes: u32, lanes: Uint32Array): void {
  for (let lane: u32 = 0; lane < LANES; lane++) lanes[lane] = initialLane(lane);
  const whole: u32 = (bytes - (bytes % STRIPE_BYTES)) >>> 0;
  for (let at: u32 = 0; at < whole; at += 4) {
    const lane: u32 = (at >>> 2) % LANES;
    lanes[lane] = mixLane(lanes[lane] as u32, view.getUint32(start + at, true));
  }
  if (whole < bytes) mixTail(view, start + whole, bytes - whole, lanes);
  beginFold(bytes);
  for (let lane: u32 = 0; lane < LANES; lane++) foldLane(lanes[lane] as u32);
  endFold();
}

function mixTail(view: DataView, start: u32, bytes: u32, lanes: Uint32Array): void {
  for (let lane: u32 = 0; lane < LANES; lane++) {
    let word: u32 = 0;
    for (let byte: u32 = 0; byte < 4; byte++) {
      const at: u32 = lane * 4 + byte;
      if (at < bytes) {
        const value: u32 = view.getUint8(start + at);
        word = (word | (value << (byte * 8))) >>> 0;
      }
    }
    lanes[lane] = mixLane(lanes[lane] as u32, word);
  }
}
