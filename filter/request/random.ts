// xorshift64*: fast, and good enough to break ties.
// Both in two halves: the linter's JavaScript cannot say 64 bits at once.
const WEYL: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;
const MULTIPLIER: u64 = ((<u64>0x2545f491) << 32) | 0x4f6cdd1d;
const UNIT: f64 = <f64>((<u64>1) << 53);

let state: u64 = WEYL;

/** Seeds that are next to each other begin far from each other. */
export function seedRandom(seed: u64): void {
  state = (seed * MULTIPLIER) ^ WEYL;
  if (state === 0) state = WEYL;
}

/** Uniform in [0, 1). */
export function random(): f64 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return <f64>((state * MULTIPLIER) >> 11) / UNIT;
}

/** Uniform in [0, below). */
export function randomBelow(below: i32): i32 {
  return <i32>(random() * <f64>below);
}
