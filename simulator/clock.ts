/** Where the engine's time comes from. All of it is simulated milliseconds. */
export interface Clock {
  now(): number;
  /** Runs `action` once, `delayMs` from now or a little later; returns what cancels it. */
  wake(delayMs: number, action: () => void): () => void;
}

/** Waits shorter than this (real milliseconds) poll, because a timer would take a whole one. */
const POLL_BELOW_MS = 0.25;

/** Real time, `speed` times as fast. Late wakes never add up: steps are dated, not counted. */
export function realClock(speed: number): Clock {
  return {
    now: () => performance.now() * speed,
    wake(delayMs, action) {
      const realMs = delayMs / speed;
      if (realMs < POLL_BELOW_MS) {
        const immediate = setImmediate(action);
        return () => clearImmediate(immediate);
      }
      const timer = setTimeout(action, Math.ceil(realMs));
      return () => clearTimeout(timer);
    },
  };
}
