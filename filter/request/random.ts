// xorshift64*: fast, and good enough to break ties.
let state: u64 = 0x9e3779b97f4a7c15;

/** Makes workers that start at the same moment differ. */
export function seedRandom(seed: u64): void {
  state = (seed ^ 0x9e3779b97f4a7c15) | 1;
}

/** Uniform in [0, 1). */
export function random(): f64 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return <f64>((state * 0x2545f4914f6cdd1d) >> 11) / 9007199254740992;
}

/** Uniform in [0, below). */
export function randomBelow(below: i32): i32 {
  return <i32>(random() * <f64>below);
}
