// Which number an endpoint has on the wire. Gateways name gauges, index and loads by it, so an
// endpoint keeps its slot for as long as it lives, also over a restart of this process.
import { SLOTS_MAX } from "../../protocol/limits.ts";

/** A slot rests this long after its endpoint is gone: longer than anything names it in flight. */
const QUARANTINE_MS = 15_000;

export class Slots {
  readonly #quarantineMs: number;
  readonly #holders = new Map<number, string>();
  /** Who has a right to a slot that nobody holds, both ways. */
  readonly #claims = new Map<string, number>();
  readonly #claimants = new Map<number, string>();
  /** Slots that nobody holds, the one that has rested longest first. */
  readonly #restsUntilMs = new Map<number, number>();
  /** What replicas agreed on, by name; null where this process assigns slots itself. */
  #agreed: ReadonlyMap<string, number> | null = null;
  /** From here on no slot was ever given. */
  #unused = 0;

  constructor(quarantineMs = QUARANTINE_MS) {
    this.#quarantineMs = quarantineMs;
  }

  /** Remembers that somebody already calls `address` by this slot. The first claim wins. */
  claim(address: string, slot: number): void {
    if (this.#claims.has(address) || this.#claimants.has(slot) || slot >= SLOTS_MAX) return;
    for (const [held, holder] of this.#holders) if (held === slot || holder === address) return;
    this.#claims.set(address, slot);
    this.#claimants.set(slot, address);
  }

  /** From here on an endpoint has the slot that is agreed on for its name, and none before. */
  agree(slots: ReadonlyMap<string, number>): void {
    this.#agreed = slots;
  }

  /** From here on slots are assigned here. */
  standAlone(): void {
    this.#agreed = null;
  }

  /** Slots are those agreed on, and not given here. */
  get areAgreed(): boolean {
    return this.#agreed !== null;
  }

  /** The slot to which somebody has a right. */
  claimed(address: string): number | null {
    return this.#claims.get(address) ?? null;
  }

  /**
   * A slot for the endpoint: the one agreed on for its name; alone, its claimed one, else one that has
   * rested, else one that was never given, else the one that has rested longest; null when every slot
   * is held.
   */
  assign(address: string, nowMs: number, name = address): number | null {
    if (this.#agreed) {
      const agreed = this.#agreed.get(name);
      const isFree = agreed !== undefined && !this.#holders.has(agreed);
      return isFree ? this.#hold(agreed, address) : null;
    }
    const claimed = this.#claims.get(address);
    if (claimed !== undefined) return this.#hold(claimed, address);
    const [rested] = this.#restsUntilMs;
    const isRested = rested !== undefined && nowMs >= rested[1];
    // An endpoint that cannot be told is worse than a late word about its slot's last one.
    const slot = isRested ? rested[0] : (this.#neverGiven() ?? rested?.[0]);
    return slot === undefined ? null : this.#hold(slot, address);
  }

  #neverGiven(): number | undefined {
    const isTaken = (slot: number) => this.#holders.has(slot) || this.#claimants.has(slot);
    while (this.#unused < SLOTS_MAX) {
      const slot = this.#unused++;
      if (!isTaken(slot) && !this.#restsUntilMs.has(slot)) return slot;
    }
    return undefined;
  }

  /** The endpoint is gone. It may have its own slot back at once; others wait. */
  release(slot: number, nowMs: number): void {
    const address = this.#holders.get(slot);
    if (address === undefined) return;
    this.#holders.delete(slot);
    // An endpoint that two pools list has two slots: its right is to the one it left last.
    this.#dropClaim(address);
    this.#claims.set(address, slot);
    this.#claimants.set(slot, address);
    this.#restsUntilMs.set(slot, nowMs + this.#quarantineMs);
  }

  /** Lets go of claims whose rest is over. */
  sweep(nowMs: number): void {
    for (const [address, slot] of this.#claims) {
      const restsUntilMs = this.#restsUntilMs.get(slot);
      if (restsUntilMs === undefined) this.#restsUntilMs.set(slot, nowMs + this.#quarantineMs);
      else if (nowMs >= restsUntilMs) this.#dropClaim(address);
    }
  }

  #hold(slot: number, address: string): number {
    this.#dropClaim(address);
    this.#dropClaim(this.#claimants.get(slot));
    this.#restsUntilMs.delete(slot);
    this.#holders.set(slot, address);
    return slot;
  }

  #dropClaim(address: string | undefined): void {
    const slot = address === undefined ? undefined : this.#claims.get(address);
    if (address === undefined || slot === undefined) return;
    this.#claims.delete(address);
    this.#claimants.delete(slot);
  }
}
