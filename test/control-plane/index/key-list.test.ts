import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyList } from "../../../control-plane/index/key-list.ts";

type Key = [low: number, high: number];
type Operation =
  | { kind: "insert" | "touch"; key: Key; blocks: number }
  | { kind: "remove"; key: Key }
  | { kind: "limit"; limit: number; capacity: number };

/** The same list, as an array with the newest first. */
class Model {
  entries: { key: Key; stamp: number }[] = [];
  limit: number;
  capacity: number;
  private clock = 0;

  constructor(limit: number, capacity: number) {
    this.limit = limit;
    this.capacity = capacity;
  }

  get keys(): Key[] {
    return this.entries.map(({ key }) => key);
  }

  get ages(): number[] {
    return this.entries.map(({ stamp }) => Math.floor(this.clock - stamp));
  }

  apply(operation: Operation): void {
    if (operation.kind === "limit") ({ limit: this.limit, capacity: this.capacity } = operation);
    else this.use(operation);
    this.entries.length = Math.min(this.entries.length, this.limit);
    this.entries = this.entries.filter(({ stamp }) => this.clock - stamp < this.limit);
  }

  private use(operation: Exclude<Operation, { kind: "limit" }>): void {
    const { key, kind } = operation;
    const known = this.entries.find((entry) => isSame(entry.key, key));
    if (known || kind === "insert") {
      this.entries = this.entries.filter((entry) => entry !== known);
      if (kind === "remove") return;
      const share = known ? (this.clock - known.stamp) / Math.max(1, this.capacity) : 1;
      this.clock += operation.blocks * Math.min(1, share);
      this.entries.unshift({ key, stamp: this.clock });
    }
  }
}

function isSame(a: Key, b: Key): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function apply(list: KeyList, operation: Operation): void {
  if (operation.kind === "limit") {
    list.capacity = operation.capacity;
    list.limit = operation.limit;
  } else if (operation.kind === "remove") list.remove(...operation.key);
  else list[operation.kind](...operation.key, operation.blocks);
}

function contents(list: KeyList): Key[] {
  const keys: Key[] = [];
  list.eachNewestFirst((low, high) => {
    keys.push([low, high]);
    return true;
  });
  return keys;
}

function ages(list: KeyList): number[] {
  return contents(list).map(([low, high]) => list.age(low, high));
}

// Few different lows, so that probes collide and keys that share a half are told apart.
const key = fc.tuple(
  fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(127, 128, 255, 0xffffffff)),
  fc.integer({ min: 0, max: 3 }),
);
const size = fc.integer({ min: 0, max: 200 });
const blocks = fc.constantFrom(1, 1.5, 4);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("insert" as const), key, blocks }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("touch" as const), key, blocks }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), key }) },
  fc.record({ kind: fc.constant("limit" as const), limit: size, capacity: size }),
);

describe("a list of keys", () => {
  it("holds what a plain array of the same uses holds, in the same order", () => {
    fc.assert(
      fc.property(
        size,
        size,
        fc.array(operation, { maxLength: 600, size: "max" }),
        (limit, capacity, operations) => {
          const list = new KeyList(limit, capacity);
          const model = new Model(limit, capacity);
          for (const step of operations) {
            apply(list, step);
            model.apply(step);
          }
          expect(contents(list)).toEqual(model.keys);
          expect(list.size).toBe(model.keys.length);
          expect(ages(list)).toEqual(model.ages);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("forgets the least recently used key when it is full", () => {
    const list = new KeyList(2, 2);
    list.insert(1, 1, 1);
    list.insert(2, 2, 1);
    list.touch(1, 1, 1);
    list.insert(3, 3, 1);
    expect(contents(list)).toEqual([
      [3, 3],
      [1, 1],
    ]);
    expect(list.age(2, 2)).toBe(-1);
  });

  it("counts in blocks: a key that stands for four ages others by four", () => {
    const list = new KeyList(8, 8);
    list.insert(1, 1, 1);
    list.insert(2, 2, 4);
    expect(list.age(1, 1)).toBe(4);
    list.insert(3, 3, 4);
    expect(contents(list)).toEqual([
      [3, 3],
      [2, 2],
    ]);
  });

  it("ages by a key used again as the cache does, however much more it remembers", () => {
    const list = new KeyList(80, 8);
    for (const low of [1, 2, 3, 4, 5]) list.insert(low, low, 4);
    list.touch(4, 4, 4);
    expect(list.age(5, 5)).toBe(2);
    list.touch(1, 1, 4);
    expect(list.age(5, 5)).toBe(6);
  });

  it("gives merged keys the place of their age, and keeps the lower age of a key known twice", () => {
    const list = new KeyList(10, 10);
    for (const low of [4, 3, 2, 1]) list.insert(low, 0, 1);
    // Known here, newest first: 1 2 3 4. Told: 4 was used last, 9 stands behind two others, 8 is
    // older than anything the list keeps.
    list.merge(Uint32Array.of(4, 0, 0, 9, 0, 2, 1, 0, 3, 7, 0, 9, 8, 0, 50));
    expect(contents(list).map(([low]) => low)).toEqual([4, 1, 2, 9, 3, 7]);
  });

  it("rebuilds from a dump what the dump was taken of", () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { comparator: isSame, maxLength: 200 }), (keys) => {
        const from = new KeyList(1000, 1000);
        for (const [low, high] of keys) from.insert(low, high, 2);
        const dump = contents(from).flatMap(([low, high]) => [low, high, from.age(low, high)]);
        const to = new KeyList(1000, 1000);
        to.merge(Uint32Array.from(dump));
        expect(contents(to)).toEqual(contents(from));
        expect(ages(to)).toEqual(ages(from));
      }),
    );
  });

  it("rebuilds it from parts of a dump that come in any order", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { comparator: isSame, maxLength: 150 }),
        fc.integer({ min: 1, max: 5 }),
        (keys, parts) => {
          const from = new KeyList(1000, 1000);
          for (const [low, high] of keys) from.insert(low, high, 2);
          const dump = contents(from).map(([low, high]) => [low, high, from.age(low, high)]);
          const to = new KeyList(1000, 1000);
          for (let part = 0; part < parts; part++) {
            const own = dump.filter(([low = 0]) => low % parts === part);
            to.merge(Uint32Array.from(own.flat()));
          }
          expect(contents(to)).toEqual(contents(from));
        },
      ),
    );
  });

  it("stays sound and within its limit whatever is merged into it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.array(key, { maxLength: 120 }),
        fc.array(fc.tuple(key, fc.integer({ min: 0, max: 80 })), { maxLength: 120 }),
        (limit, own, told) => {
          const list = new KeyList(limit, limit);
          for (const [low, high] of own) list.insert(low, high, 1);
          told.sort(([, a], [, b]) => a - b);
          list.merge(Uint32Array.from(told.flatMap(([[low, high], age]) => [low, high, age])));
          const keys = contents(list);
          expect(keys.length).toBe(list.size);
          expect(list.size).toBeLessThanOrEqual(limit);
          expect(new Set(keys.map(String)).size).toBe(keys.length);
          expect(ages(list)).toEqual(ages(list).toSorted((a, b) => a - b));
          for (const [low, high] of keys) expect(list.remove(low, high)).toBe(true);
          expect(list.size).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
