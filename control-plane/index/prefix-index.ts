// The prefix index: one list of keys for each endpoint slot, all within one bound.
import { GHOST_FACTOR } from "../pool/capacity.ts";
import { KeyList } from "./key-list.ts";

export class PrefixIndex {
  readonly keysMax: number;
  readonly #lists = new Map<number, KeyList>();
  readonly #wanted = new Map<number, number>();

  /** `keysMax` bounds the keys of all slots together. */
  constructor(keysMax: number) {
    this.keysMax = keysMax;
  }

  get size(): number {
    let size = 0;
    for (const list of this.#lists.values()) size += list.size;
    return size;
  }

  sizeOf(slot: number): number {
    return this.#lists.get(slot)?.size ?? 0;
  }

  /**
   * Capacities of endpoints in blocks, by slot. What one held until recently is kept too,
   * GHOST_FACTOR times its capacity, while there is room for as much of every endpoint.
   */
  setCapacities(capacities: Iterable<readonly [slot: number, blocks: number]>): void {
    for (const [slot, blocks] of capacities) {
      this.#wanted.set(slot, blocks * GHOST_FACTOR);
      if (!this.#lists.has(slot)) this.#lists.set(slot, new KeyList(0));
    }
    this.#share();
  }

  drop(slots: Iterable<number>): void {
    for (const slot of slots) {
      this.#lists.delete(slot);
      this.#wanted.delete(slot);
    }
    this.#share();
  }

  /** The slot's endpoint holds nothing any more. */
  clear(slot: number): void {
    const list = this.#lists.get(slot);
    if (list) this.#lists.set(slot, new KeyList(list.limit));
  }

  /** The list of a slot in use. */
  list(slot: number): KeyList | undefined {
    return this.#lists.get(slot);
  }

  lists(): IterableIterator<[number, KeyList]> {
    return this.#lists.entries();
  }

  #share(): void {
    let total = 0;
    for (const wanted of this.#wanted.values()) total += wanted;
    const share = Math.min(1, this.keysMax / Math.max(1, total));
    for (const [slot, list] of this.#lists) {
      list.limit = Math.floor((this.#wanted.get(slot) ?? 0) * share);
    }
  }
}
