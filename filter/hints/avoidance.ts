// Endpoints that get no picks for a while, and then one at a time: if that one ends well they are
// forgiven, else the wait doubles.
import { SLOTS_MAX } from "../../protocol/limits.ts";

const SLOTS: i32 = <i32>SLOTS_MAX;
const RETRY_MS_MIN: f64 = 1_000;
const RETRY_MS_MAX: f64 = 30_000;

export class Avoidance {
  /** When the last reason was seen; 0 is none. */
  private readonly sinceMs: StaticArray<f64> = new StaticArray<f64>(SLOTS);
  private readonly retryAtMs: StaticArray<f64> = new StaticArray<f64>(SLOTS);
  private readonly waitMs: StaticArray<f64> = new StaticArray<f64>(SLOTS);

  /** Requests that fail together are one failure; one that fails after the wait doubles it. */
  begin(slot: u32, atMs: f64): void {
    const wait = unchecked(this.waitMs[slot]);
    if (wait === 0) unchecked((this.waitMs[slot] = RETRY_MS_MIN));
    else if (atMs - unchecked(this.sinceMs[slot]) >= wait) {
      unchecked((this.waitMs[slot] = min(wait * 2, RETRY_MS_MAX)));
    }
    unchecked((this.sinceMs[slot] = atMs));
    this.tryLater(slot, atMs);
  }

  /** When the last reason was seen; 0 where the endpoint is not avoided. */
  since(slot: u32): f64 {
    return unchecked(this.sinceMs[slot]);
  }

  end(slot: u32): void {
    unchecked((this.sinceMs[slot] = 0));
    unchecked((this.waitMs[slot] = 0));
  }

  allows(slot: u32, atMs: f64): bool {
    return unchecked(this.sinceMs[slot]) === 0 || atMs >= unchecked(this.retryAtMs[slot]);
  }

  /** A pick of an endpoint on trial: nobody else tries until this one is known. */
  notePick(slot: u32, atMs: f64): void {
    if (unchecked(this.sinceMs[slot]) !== 0) this.tryLater(slot, atMs);
  }

  /** The trial went well, and is not enough: the next one may begin. */
  tryNow(slot: u32): void {
    unchecked((this.retryAtMs[slot] = 0));
  }

  private tryLater(slot: u32, atMs: f64): void {
    unchecked((this.retryAtMs[slot] = atMs + this.waitMs[slot]));
  }
}
