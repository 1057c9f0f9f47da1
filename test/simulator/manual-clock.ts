import type { Clock } from "../../simulator/clock.ts";

/** Time that moves only when the test says so, from one wake to the next. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #wakes: { atMs: number; action: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  wake(delayMs: number, action: () => void): () => void {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), action };
    this.#wakes.push(entry);
    return () => {
      this.#wakes = this.#wakes.filter((other) => other !== entry);
    };
  }

  get pendingWakes(): number {
    return this.#wakes.length;
  }

  /** Runs everything that is due until then. */
  runUntil(endMs: number): void {
    for (;;) {
      const next = this.#wakes.reduce<{ atMs: number; action: () => void } | undefined>(
        (first, wake) => (first === undefined || wake.atMs < first.atMs ? wake : first),
        undefined,
      );
      if (next === undefined || next.atMs > endMs) break;
      this.#wakes = this.#wakes.filter((wake) => wake !== next);
      this.#nowMs = next.atMs;
      next.action();
    }
    if (Number.isFinite(endMs)) this.#nowMs = endMs;
  }
}
