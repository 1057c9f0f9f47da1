/**
 * The paged KV cache of one model server, in blocks.
 *
 * As in vLLM, a block is named by the key of its whole prefix. Blocks that running sequences hold
 * are counted and cannot be evicted; when the last holder lets go, a block joins the tail of the
 * free list and stays matchable until its room is needed. A sequence lets go from its end to its
 * beginning, so the end of a prompt is evicted first. Private blocks have no key yet: the partly
 * filled tail, and what is reserved for a prompt that is still being computed.
 *
 *   capacity ≥ held + private + free, the free ones giving way
 */
export class KvCache {
  readonly blockCount: number;
  readonly #held = new Map<number, number>();
  /** Insertion order is eviction order. */
  readonly #free = new Set<number>();
  #privateBlocks = 0;
  #evictions = 0;

  constructor(blockCount: number) {
    this.blockCount = blockCount;
  }

  /** Blocks that running sequences need; what `vllm:kv_cache_usage_perc` is made of. */
  get usedBlocks(): number {
    return this.#held.size + this.#privateBlocks;
  }

  get availableBlocks(): number {
    return this.blockCount - this.usedBlocks;
  }

  get freeCachedBlocks(): number {
    return this.#free.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** How many leading keys, at most `limit`, are cached. */
  match(keys: readonly number[], limit: number): number {
    let count = 0;
    while (count < limit && this.#has(keys[count] as number)) count++;
    return count;
  }

  /** How many available blocks the first `count` keys would take, being free now. */
  availableTakenBy(keys: readonly number[], count: number): number {
    let taken = 0;
    for (let i = 0; i < count; i++) if (this.#free.has(keys[i] as number)) taken++;
    return taken;
  }

  hold(keys: readonly number[], from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const key = keys[i] as number;
      const holders = this.#held.get(key);
      if (holders === undefined) this.#free.delete(key);
      this.#held.set(key, (holders ?? 0) + 1);
    }
  }

  release(keys: readonly number[], count: number): void {
    for (let i = count - 1; i >= 0; i--) {
      const key = keys[i] as number;
      const holders = (this.#held.get(key) as number) - 1;
      if (holders > 0) {
        this.#held.set(key, holders);
      } else {
        this.#held.delete(key);
        this.#free.add(key);
      }
    }
  }

  addPrivate(blocks: number): void {
    this.#privateBlocks += blocks;
  }

  /** Evicts the oldest free blocks until all fits. */
  evict(): void {
    let excess = this.usedBlocks + this.#free.size - this.blockCount;
    for (const key of this.#free) {
      if (excess-- <= 0) break;
      this.#free.delete(key);
      this.#evictions++;
    }
  }

  /** Forgets every block that no sequence holds. */
  clear(): void {
    this.#free.clear();
  }

  #has(key: number): boolean {
    return this.#held.has(key) || this.#free.has(key);
  }
}
