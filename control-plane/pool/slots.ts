// Which number an endpoint has on the wire. Gateways name gauges, index and loads by it, so an
// endpoint keeps its slot for as long as it lives, also over a restart of this process.
import { SLOTS_MAX } from "../../protocol/limits.ts";

/** A slot rests this long after its endpoint is gone: longer than anything names it in flight. */
const QUARANTINE_MS = 15_000;

export class Slots {
  readonly #quarantineMs: number;
  readonly #holders = new Map<number, string>();
  readonly #claims = new Map<string, number>();
  readonly #restsUntilMs = new Map<number, number>();

  constructor(quarantineMs = QUARANTINE_MS) {
    this.#quarantineMs = quarantineMs;
  }

  /** Remembers that somebody already calls `address` by this slot. The first claim wins. */
  claim(address: string, slot: number): void {
    if (this.#claims.has(address) || slot >= SLOTS_MAX) return;
    for (const claimed of this.#claims.values()) if (claimed === slot) return;
    this.#claims.set(address, slot);
  }

  /** A slot for the endpoint: its claimed one, or the lowest free one; null when none is free. */
  assign(address: string, nowMs: number): number | null {
    const claimed = this.#claims.get(address);
    if (claimed !== undefined && !this.#holders.has(claimed)) return this.#hold(claimed, address);
    const reserved = new Set(this.#claims.values());
    for (let slot = 0; slot < SLOTS_MAX; slot++) {
      if (this.#holders.has(slot) || reserved.has(slot)) continue;
      if (nowMs >= (this.#restsUntilMs.get(slot) ?? 0)) return this.#hold(slot, address);
    }
    return null;
  }

  /** The endpoint is gone. It may have its own slot back at once; others wait. */
  release(slot: number, nowMs: number): void {
    const address = this.#holders.get(slot);
    if (address === undefined) return;
    this.#holders.delete(slot);
    this.#claims.set(address, slot);
    this.#restsUntilMs.set(slot, nowMs + this.#quarantineMs);
  }

  /** Lets go of claims whose rest is over. */
  sweep(nowMs: number): void {
    for (const [address, slot] of this.#claims) {
      const restsUntilMs = this.#restsUntilMs.get(slot);
      if (restsUntilMs === undefined) this.#restsUntilMs.set(slot, nowMs + this.#quarantineMs);
      else if (nowMs >= restsUntilMs) this.#claims.delete(address);
    }
  }

  #hold(slot: number, address: string): number {
    this.#claims.delete(address);
    this.#restsUntilMs.delete(slot);
    this.#holders.set(slot, address);
    return slot;
  }
}
