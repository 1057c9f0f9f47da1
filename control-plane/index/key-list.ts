// Which keys one endpoint's KV cache is believed to hold, most recently used first. Numbers only:
// a doubly linked list through typed arrays, found by open addressing.
//
//   newest ─► entry ⇄ entry ⇄ … ⇄ entry ◄─ oldest      stamps descend along the list
//               ▲ low, high, stamp
//   table: place of `low` ─► entry + 1, or 0           linear probing, removal shifts back
//
// A clock counts the blocks that the endpoint was sent, as the filter's index does: a key's age is
// clock − stamp, in blocks, whatever number of blocks a key stands for. A key used again moves the
// clock by age/capacity of its blocks, at most all of them, which is what that does, on average, to
// the others' LRU distance; where more than the capacity is remembered, the limit is the larger one.

const NONE = -1;
const FIRST_ENTRIES = 64;

export class KeyList {
  /** Blocks that the endpoint's cache holds. */
  capacity: number;
  #limit: number;
  #low = new Uint32Array(FIRST_ENTRIES);
  #high = new Uint32Array(FIRST_ENTRIES);
  #newer = new Int32Array(FIRST_ENTRIES);
  #older = new Int32Array(FIRST_ENTRIES);
  /** What the clock showed when the entry was last used; descends along the list. */
  #stamps = new Float64Array(FIRST_ENTRIES);
  #table = new Uint32Array(2 * FIRST_ENTRIES);
  #size = 0;
  /** Blocks sent. */
  #clock = 0;
  #newest = NONE;
  #oldest = NONE;
  /** Entries that were removed, chained through `#older`. */
  #free = NONE;
  /** Entries ever handed out. */
  #used = 0;

  /** Holds keys to an age of `limit` blocks, and as many keys at most; the oldest go first. */
  constructor(limit: number, capacity: number) {
    this.capacity = capacity;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    while (this.#size > limit) this.#drop(this.#oldest);
    this.#dropAged();
  }

  /** Makes the key, which stands for `blocks`, the most recently used one, there before or not. */
  insert(low: number, high: number, blocks: number): void {
    if (this.touch(low, high, blocks)) return;
    this.#clock += blocks;
    this.#add(low, high, this.#newest, this.#clock);
    this.#dropAged();
  }

  /** Makes a key that is there the most recently used one. Answers whether it was there. */
  touch(low: number, high: number, blocks: number): boolean {
    const entry = this.#find(low, high);
    if (entry === NONE) return false;
    const age = this.#clock - this.#stamps[entry]!;
    this.#clock += blocks * Math.min(1, age / Math.max(1, this.capacity));
    this.#stamps[entry] = this.#clock;
    if (entry !== this.#newest) this.#move(entry, this.#newest);
    this.#dropAged();
    return true;
  }

  /** Answers whether the key was there. */
  remove(low: number, high: number): boolean {
    const entry = this.#find(low, high);
    if (entry === NONE) return false;
    this.#drop(entry);
    return true;
  }

  /** Blocks sent since this key was used last, or -1 for a key that is not there. */
  age(low: number, high: number): number {
    const entry = this.#find(low, high);
    return entry === NONE ? -1 : this.#ageOf(entry);
  }

  /** Calls `visit` with keys and ages in whole blocks, newest first, until it answers false. */
  eachNewestFirst(visit: (low: number, high: number, age: number) => boolean): void {
    for (let entry = this.#newest; entry !== NONE; entry = this.#older[entry]!) {
      if (!visit(this.#low[entry]!, this.#high[entry]!, this.#ageOf(entry))) return;
    }
  }

  #ageOf(entry: number): number {
    return Math.floor(this.#clock - this.#stamps[entry]!);
  }

  /**
   * Merges keys that somebody else knows, ages ascending, with those here: each takes the place
   * its age says, and a key known on both sides keeps the lower age. One pass over both; parts may
   * come in any order.
   * `entries` are key (low, high) and age, three numbers an entry.
   */
  merge(entries: Uint32Array): void {
    const clock = this.#clock;
    let cursor = this.#newest;
    for (let at = 0; at < entries.length; at += 3) {
      const stamp = clock - entries[at + 2]!;
      while (cursor !== NONE && this.#stamps[cursor]! > stamp) cursor = this.#older[cursor]!;
      const entry = this.#find(entries[at]!, entries[at + 1]!);
      if (entry === NONE) {
        const isFull = this.#size >= this.#limit;
        if (isFull && cursor === NONE) break;
        // The oldest makes room, and it may be the one that the newcomer stands before.
        if (isFull && cursor === this.#oldest) cursor = NONE;
        this.#add(entries[at]!, entries[at + 1]!, cursor, stamp);
      } else if (this.#stamps[entry]! < stamp) {
        this.#stamps[entry] = stamp;
        if (entry === cursor) cursor = this.#older[cursor]!;
        else this.#move(entry, cursor);
      }
    }
    this.#dropAged();
  }

  #dropAged(): void {
    const oldest = this.#clock - this.#limit;
    while (this.#oldest !== NONE && this.#stamps[this.#oldest]! <= oldest) this.#drop(this.#oldest);
  }

  /** Adds a key before `next` (NONE: as the oldest), where the oldest makes room if need be. */
  #add(low: number, high: number, next: number, stamp: number): void {
    if (this.#limit === 0) return;
    const before = this.#size >= this.#limit && next === this.#oldest ? NONE : next;
    if (this.#size >= this.#limit) this.#drop(this.#oldest);
    const entry = this.#allocate();
    this.#low[entry] = low;
    this.#high[entry] = high;
    this.#stamps[entry] = stamp;
    this.#link(entry, before);
    this.#enter(entry);
    this.#size++;
  }

  #drop(entry: number): void {
    this.#forget(entry);
    this.#unlink(entry);
    this.#older[entry] = this.#free;
    this.#free = entry;
    this.#size--;
  }

  #move(entry: number, next: number): void {
    this.#unlink(entry);
    this.#link(entry, next);
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
    this.#stamps = grown(this.#stamps, new Float64Array(entries));
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

function grown<Numbers extends Uint32Array | Int32Array | Float64Array>(
  from: Numbers,
  to: Numbers,
): Numbers {
  to.set(from);
  return to;
}
