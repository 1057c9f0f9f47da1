import {
  beginFold,
  combine as combineHalves,
  endFold,
  foldLane,
  hashBytes,
  initialLane,
  keyHigh,
  keyLow,
  mixLane,
} from "../../protocol/keys.ts";

/** A 64-bit hash in two halves. */
export interface Hash {
  low: number;
  high: number;
}

export const ZERO: Hash = { low: 0, high: 0 };

function fold(words: number[], bytes: number): Hash {
  beginFold(bytes);
  for (const word of words) foldLane(word >>> 0);
  endFold();
  return { low: keyLow, high: keyHigh };
}

export function combine(a: Hash, b: Hash): Hash {
  combineHalves(a.low, a.high, b.low, b.high);
  return { low: keyLow, high: keyHigh };
}

export function exclusiveOr(a: Hash, b: Hash): Hash {
  return { low: (a.low ^ b.low) >>> 0, high: (a.high ^ b.high) >>> 0 };
}

export function sum(a: Hash, b: Hash): Hash {
  return { low: (a.low + b.low) >>> 0, high: (a.high + b.high) >>> 0 };
}

/** The protocol's hash of a whole text. */
export function stripeHash(text: string): Hash {
  const bytes = Buffer.from(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  hashBytes(view, 0, bytes.length, new Uint32Array(16));
  return { low: keyLow, high: keyHigh };
}

/** Hash of a name or value: texts of up to 64 bytes are folded as they are. */
export function textHash(text: string): Hash {
  const bytes = Buffer.from(text);
  return bytes.length > 64 ? stripeHash(text) : fold(words([...bytes]), bytes.length);
}

/** Bytes as little-endian words, padded with zeros. */
export function words(bytes: number[]): number[] {
  const padded = Buffer.alloc(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return Array.from({ length: padded.length / 4 }, (_, index) => padded.readUInt32LE(index * 4));
}

/** Sixteen lanes of text. */
export class Lanes {
  private lanes = Array.from({ length: 16 }, (_, index) => initialLane(index));

  mix(stripe: number[]): void {
    this.lanes = this.lanes.map((lane, index) => mixLane(lane, stripe[index] ?? 0));
  }

  fold(bytes: number): Hash {
    return fold(this.lanes, bytes);
  }
}
