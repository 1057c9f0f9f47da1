// Which keys one endpoint's KV cache is believed to hold, most recently used first, as an LRU cache
// does. Numbers only: a doubly linked list through typed arrays, found by open addressing.
//
//   newest ─► entry ⇄ entry ⇄ … ⇄ entry ◄─ oldest
//               ▲ low, high, blocks
//   table: place of `low` ─► entry + 1, or 0           linear probing, removal shifts back
//
// A key's age is how many blocks were used since: the sum over those before it in the list. What
// somebody else tells of comes with its age; blocks in between that nobody told of count as the
// next newer key's.

const NONE = -1;
const FIRST_ENTRIES = 64;
/** Key (low, high) and age. */
const WORDS = 3;
const AGE = 2;

export class KeyList {
  #limit: number;
  #low = new Uint32Array(FIRST_ENTRIES);
  #high = new Uint32Array(FIRST_ENTRIES);
  #newer = new Int32Array(FIRST_ENTRIES);
  #older = new Int32Array(FIRST_ENTRIES);
  /** Blocks that the entry stands for. */
  #blocks = new Uint32Array(FIRST_ENTRIES);
  #table = new Uint32Array(2 * FIRST_ENTRIES);
  #size = 0;
  /** Blocks newer than the newest key, which nobody told of. */
  #untold = 0;
  /** Those, and the blocks of all entries. */
  #total = 0;
  #newest = NONE;
  #oldest = NONE;
  /** Entries that were removed, chained through `#older`. */
  #free = NONE;
  /** Entries ever handed out. */
  #used = 0;

  /** Holds `limit` blocks, and as many keys at most; the oldest go first. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Blocks that all keys stand for, and those between them that nobody told of. */
  get blocks(): number {
    return this.#total;
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#trim();
  }

  /** Makes the key, which stands for `blocks`, the most recently used one, there before or not. */
  insert(low: number, high: number, blocks: number): void {
    if (this.touch(low, high, blocks)) return;
    this.#append(low, high, this.#newestBlocks(blocks), this.#newest);
    this.#trim();
  }

  /** Makes a key that is there the most recently used one. Answers whether it was there. */
  touch(low: number, high: number, blocks: number): boolean {
    const entry = this.#find(low, high);
    if (entry === NONE) return false;
    const all = this.#newestBlocks(blocks);
    this.#total += all - this.#blocks[entry]!;
    this.#blocks[entry] = all;
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#link(entry, this.#newest);
    }
    this.#trim();
    return true;
  }

  /** Answers whether the key was there. */
  remove(low: number, high: number): boolean {
    const entry = this.#find(low, high);
    if (entry === NONE) return false;
    this.#drop(entry);
    return true;
  }

  /** Calls `visit` with keys and ages, newest first, until it answers false. */
  eachNewestFirst(visit: (low: number, high: number, age: number) => boolean): void {
    let age = this.#untold;
    for (let entry = this.#newest; entry !== NONE; entry = this.#older[entry]!) {
      if (!visit(this.#low[entry]!, this.#high[entry]!, age)) return;
      age += this.#blocks[entry]!;
    }
  }

  /**
   * Merges keys that somebody else knows, ages ascending, with those here: each takes the place
   * its age says, and a key known on both sides keeps the lower age. Parts may come in any order.
   * `entries` are key (low, high) and age, three numbers an entry.
   */
  merge(entries: Uint32Array): void {
    const own = this.#dump();
    this.#clear();
    for (let at = 0, ownAt = 0; at < entries.length || ownAt < own.length; ) {
      const isTold = ownAt >= own.length || entries[at + AGE]! <= own[ownAt + AGE]!;
      if (isTold) this.#appendAged(entries, at);
      else this.#appendAged(own, ownAt);
      if (isTold) at += WORDS;
      else ownAt += WORDS;
    }
    this.#trim();
  }
  #trim(): void {
    while (this.#size > 0 && (this.#total > this.#limit || this.#size > this.#limit)) {
      this.#drop(this.#oldest);
    }
  }

  /** Keys and ages, newest first, as `merge` takes them. */
  #dump(): Uint32Array {
    const words = new Uint32Array(this.#size * WORDS);
    let at = 0;
    this.eachNewestFirst((low, high, age) => {
      words.set([low, high, age], at);
      at += WORDS;
      return true;
    });
    return words;
  }

  /** Adds a key of an age that none here exceeds as the oldest, unless it is there already. */
  #appendAged(words: Uint32Array, at: number): void {
    const low = words[at]!;
    const high = words[at + 1]!;
    const age = words[at + AGE]!;
    if (age >= this.#limit || this.#find(low, high) !== NONE) return;
    const untold = age - this.#total;
    if (this.#oldest === NONE) this.#untold = untold;
    else this.#blocks[this.#oldest]! += untold;
    this.#total = age;
    this.#append(low, high, 0, NONE);
  }

  /** Blocks for a key that becomes the newest: it stands for those before it too. */
  #newestBlocks(blocks: number): number {
    const all = blocks + this.#untold;
    this.#total -= this.#untold;
    this.#untold = 0;
    return all;
  }

  /** Adds a key before `next`; NONE: as the oldest. */
  #append(low: number, high: number, blocks: number, next: number): void {
    const entry = this.#allocate();
    this.#low[entry] = low;
    this.#high[entry] = high;
    this.#blocks[entry] = blocks;
    this.#link(entry, next);
    this.#enter(entry);
    this.#size++;
    this.#total += blocks;
  }

  #drop(entry: number): void {
    this.#forget(entry);
    this.#unlink(entry);
    this.#older[entry] = this.#free;
    this.#free = entry;
    this.#size--;
    this.#total -= this.#blocks[entry]!;
  }

  #clear(): void {
    this.#table.fill(0);
    this.#newest = NONE;
    this.#oldest = NONE;
    this.#free = NONE;
    this.#used = 0;
    this.#size = 0;
    this.#total = 0;
    this.#untold = 0;
  }

  #link(entry: number, next: number): void {
    const previous = next === NONE ? this.#oldest : this.#newer[next]!;
    this.#newer[entry] = previous;
    this.#older[entry] = next;
    if (previous === NONE) this.#newest = entry;
    else this.#older[previous] = entry;
    if (next === NONE) this.#oldest = entry;
    else this.#newer[next] = entry;
  }

  #unlink(entry: number): void {
    const previous = this.#newer[entry]!;
    const next = this.#older[entry]!;
    if (previous === NONE) this.#newest = next;
    else this.#older[previous] = next;
    if (next === NONE) this.#oldest = previous;
    else this.#newer[next] = previous;
  }

  #allocate(): number {
    if (this.#free !== NONE) {
      const entry = this.#free;
      this.#free = this.#older[entry]!;
      return entry;
    }
    if (this.#used === this.#low.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const entries = 2 * this.#low.length;
    this.#low = grown(this.#low, new Uint32Array(entries));
    this.#high = grown(this.#high, new Uint32Array(entries));
    this.#newer = grown(this.#newer, new Int32Array(entries));
    this.#older = grown(this.#older, new Int32Array(entries));
    this.#blocks = grown(this.#blocks, new Uint32Array(entries));
    this.#table = new Uint32Array(2 * entries);
    for (let at = this.#newest; at !== NONE; at = this.#older[at]!) this.#enter(at);
  }

  #find(low: number, high: number): number {
    const mask = this.#table.length - 1;
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const entry = this.#table[at]! - 1;
      if (entry === NONE) return NONE;
      if (this.#low[entry] === low && this.#high[entry] === high) return entry;
    }
  }

  #enter(entry: number): void {
    const mask = this.#table.length - 1;
    let at = this.#low[entry]! & mask;
    while (this.#table[at] !== 0) at = (at + 1) & mask;
    this.#table[at] = entry + 1;
  }

  /** Takes an entry out of the table and closes the gap, so that no probe ends early. */
  #forget(entry: number): void {
    const mask = this.#table.length - 1;
    let gap = this.#low[entry]! & mask;
    while (this.#table[gap] !== entry + 1) gap = (gap + 1) & mask;
    for (let at = (gap + 1) & mask; this.#table[at] !== 0; at = (at + 1) & mask) {
      const home = this.#low[this.#table[at]! - 1]! & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      this.#table[gap] = this.#table[at]!;
      gap = at;
    }
    this.#table[gap] = 0;
  }
}

function grown<Numbers extends Uint32Array | Int32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
