import type { Clock } from "../clock.ts";

/**
 * How long a KV cache is under way: latency + bytes / bandwidth, one transfer after the other.
 *
 * The defaults stand for one 200 Gb/s InfiniBand port that reaches 80 % of its line rate, and 3 ms to
 * agree on a transfer and to notice its end; nothing is fitted to one machine. A prompt of 1,000
 * tokens of 128 KiB each (Llama 3.1 8B: 2 · 32 layers · 8 heads · 128 · 2 bytes) takes 9.6 ms.
 */
export interface LinkSpeed {
  gigabytesPerSecond: number;
  latencyMs: number;
}

export const DEFAULT_LINK: LinkSpeed = { gigabytesPerSecond: 20, latencyMs: 3 };

export class Link {
  readonly #clock: Clock;
  readonly #speed: LinkSpeed;
  readonly #bytesPerToken: number;
  /** When the last transfer leaves the wire, in simulated milliseconds. */
  #busyUntilMs = 0;
  #bytes = 0;

  constructor(clock: Clock, speed: LinkSpeed, bytesPerToken: number) {
    this.#clock = clock;
    this.#speed = speed;
    this.#bytesPerToken = bytesPerToken;
  }

  /** Bytes received so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when the KV cache of so many tokens is here. */
  async receive(tokens: number): Promise<void> {
    const bytes = tokens * this.#bytesPerToken;
    const { gigabytesPerSecond, latencyMs } = this.#speed;
    const nowMs = this.#clock.now();
    this.#busyUntilMs = Math.max(nowMs, this.#busyUntilMs) + bytes / (gigabytesPerSecond * 1e6);
    await this.wait(this.#busyUntilMs - nowMs + latencyMs);
    this.#bytes += bytes;
  }

  /** Resolves so many simulated milliseconds from now. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.wake(ms, resolve);
    });
  }
}
