// Which keys one endpoint's KV cache is believed to hold, most recently used first. Numbers only:
// a doubly linked list through typed arrays, found by open addressing.
//
//   newest ─► entry ⇄ entry ⇄ … ⇄ entry ◄─ oldest      place in the list = age in blocks
//               ▲ low, high
//   table: place of `low` ─► entry + 1, or 0           linear probing, removal shifts back

const NONE = -1;
const FIRST_ENTRIES = 64;

export class KeyList {
  #limit: number;
  #low = new Uint32Array(FIRST_ENTRIES);
  #high = new Uint32Array(FIRST_ENTRIES);
  #newer = new Int32Array(FIRST_ENTRIES);
  #older = new Int32Array(FIRST_ENTRIES);
  /** What the clock showed when the entry was last used; descends along the list. */
  #stamps = new Float64Array(FIRST_ENTRIES);
  #table = new Uint32Array(2 * FIRST_ENTRIES);
  #size = 0;
  /** Counts uses of keys. */
  #clock = 0;
  #newest = NONE;
  #oldest = NONE;
  /** Entries that were removed, chained through `#older`. */
  #free = NONE;
  /** Entries ever handed out. */
  #used = 0;

  /** Holds `limit` keys at most; the least recently used go first. */
  constructor(limit: number) {
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
  }

  /** Makes the key the most recently used one, whether it was there or not. */
  insert(low: number, high: number): void {
    if (!this.touch(low, high)) this.#add(low, high, this.#newest, ++this.#clock);
  }

  /** Makes a key that is there the most recently used one. Answers whether it was there. */
  touch(low: number, high: number): boolean {
    const entry = this.#find(low, high);
    if (entry === NONE) return false;
    this.#stamps[entry] = ++this.#clock;
    if (entry !== this.#newest) this.#move(entry, this.#newest);
    return true;
  }

  /** Answers whether the key was there. */
  remove(low: number, high: number): boolean {
    const entry = this.#find(low, high);
    if (entry === NONE) return false;
    this.#drop(entry);
    return true;
  }

  /** Keys used since this one, or -1 for a key that is not there. Costs as many steps. */
  age(low: number, high: number): number {
    let entry = this.#find(low, high);
    if (entry === NONE) return -1;
    let age = 0;
    while (entry !== this.#newest) {
      entry = this.#newer[entry]!;
      age++;
    }
    return age;
  }

  /** Calls `visit` with keys and ages, newest first, until it answers false. */
  eachNewestFirst(visit: (low: number, high: number, age: number) => boolean): void {
    let age = 0;
    for (let entry = this.#newest; entry !== NONE; entry = this.#older[entry]!) {
      if (!visit(this.#low[entry]!, this.#high[entry]!, age++)) return;
    }
  }

  /**
   * Merges keys that somebody else knows, ages ascending, with those here: each takes the place
   * its age says, and a key known on both sides keeps the lower age. One pass over both; what one
   * merge takes in counts as its age in the next, so that parts may come in any order.
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
        if (isFull && cursor === NONE) return;
        // The oldest makes room, and it may be the one that the newcomer stands before.
        if (isFull && cursor === this.#oldest) cursor = NONE;
        this.#add(entries[at]!, entries[at + 1]!, cursor, stamp);
      } else if (this.#stamps[entry]! < stamp) {
        this.#stamps[entry] = stamp;
        if (entry === cursor) cursor = this.#older[cursor]!;
        else this.#move(entry, cursor);
      }
    }
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
