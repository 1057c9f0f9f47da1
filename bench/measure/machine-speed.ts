// How fast the machine is at a moment. On a shared host it varies twofold, unseen by /proc.

const STEPS = 3_000_000;
const TRIES = 3;

/** The least time of a few runs of a fixed piece of work, in milliseconds. */
export function workMs(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const startMs = performance.now();
    let value = startMs | 1;
    for (let step = 0; step < STEPS; step++) value = Math.imul(value, 0x9e3779b1) ^ (value >>> 15);
    // The result is used, or the compiler might leave the work out.
    least = Math.min(least, performance.now() - startMs + (value === 0 ? 1 : 0));
  }
  return least;
}
