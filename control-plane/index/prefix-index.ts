// The prefix index: one list of keys for each endpoint slot, all within one bound.
import { KeyList } from "./key-list.ts";

export class PrefixIndex {
  #keysMax: number;
  readonly #lists = new Map<number, KeyList>();
  readonly #wanted = new Map<number, number>();

  /** `keysMax` bounds the keys of all slots together. */
  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get keysMax(): number {
    return this.#keysMax;
  }

  set keysMax(keysMax: number) {
    this.#keysMax = keysMax;
    this.#share();
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
   * Blocks to keep of endpoints, by slot: their capacity and what they held until recently, while
   * there is room for as much of every endpoint.
   */
  keep(blocksOf: Iterable<readonly [slot: number, blocks: number]>): void {
    for (const [slot, blocks] of blocksOf) {
      this.#wanted.set(slot, Math.ceil(blocks));
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

  /** Keys are made in another way: none of those known will come again. */
  clearAll(): void {
    for (const slot of this.#lists.keys()) this.clear(slot);
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
    const share = Math.min(1, this.#keysMax / Math.max(1, total));
    for (const [slot, list] of this.#lists) {
      list.limit = Math.floor((this.#wanted.get(slot) ?? 0) * share);
    }
  }
}
