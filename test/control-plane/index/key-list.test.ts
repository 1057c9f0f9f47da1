import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyList } from "../../../control-plane/index/key-list.ts";

type Key = [low: number, high: number];
type Operation =
  | { kind: "insert" | "touch"; key: Key; blocks: number }
  | { kind: "remove"; key: Key }
  | { kind: "limit"; limit: number };

/** An LRU cache, as an array with the newest first. */
class Model {
  entries: { key: Key; blocks: number }[] = [];
  limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get keys(): Key[] {
    return this.entries.map(({ key }) => key);
  }

  get ages(): number[] {
    const before = (place: number) => blocksOf(this.entries.slice(0, place));
    return this.entries.map((_, place) => before(place));
  }

  apply(operation: Operation): void {
    if (operation.kind === "limit") this.limit = operation.limit;
    else this.use(operation);
    while (blocksOf(this.entries) > this.limit) this.entries.pop();
  }

  private use(operation: Exclude<Operation, { kind: "limit" }>): void {
    const { key, kind } = operation;
    const known = this.entries.find((entry) => isSame(entry.key, key));
    this.entries = this.entries.filter((entry) => entry !== known);
    if (kind === "insert" || (kind === "touch" && known)) {
      this.entries.unshift({ key, blocks: operation.blocks });
    }
  }
}

function blocksOf(entries: readonly { blocks: number }[]): number {
  return entries.reduce((sum, { blocks }) => sum + blocks, 0);
}

function isSame(a: Key, b: Key): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function apply(list: KeyList, operation: Operation): void {
  if (operation.kind === "limit") list.limit = operation.limit;
  else if (operation.kind === "remove") list.remove(...operation.key);
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
  const found: number[] = [];
  list.eachNewestFirst((_low, _high, age) => {
    found.push(age);
    return true;
  });
  return found;
}

/** Keys and ages, as `merge` takes them. */
function dump(list: KeyList): number[][] {
  const aged = ages(list);
  return contents(list).map(([low, high], place) => [low, high, aged[place]!]);
}

// Few different lows, so that probes collide and keys that share a half are told apart.
const key = fc.tuple(
  fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(127, 128, 255, 0xffffffff)),
  fc.integer({ min: 0, max: 3 }),
);
const size = fc.integer({ min: 0, max: 200 });
const blocks = fc.constantFrom(1, 2, 4);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("insert" as const), key, blocks }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("touch" as const), key, blocks }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), key }) },
  fc.record({ kind: fc.constant("limit" as const), limit: size }),
);

describe("a list of keys", () => {
  it("holds what a plain array of the same uses holds, in the same order", () => {
    fc.assert(
      fc.property(
        size,
        fc.array(operation, { maxLength: 600, size: "max" }),
        (limit, operations) => {
          const list = new KeyList(limit);
          const model = new Model(limit);
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
    const list = new KeyList(2);
    list.insert(1, 1, 1);
    list.insert(2, 2, 1);
    list.touch(1, 1, 1);
    list.insert(3, 3, 1);
    expect(contents(list)).toEqual([
      [3, 3],
      [1, 1],
    ]);
  });

  it("counts in blocks: a key that stands for four ages others by four", () => {
    const list = new KeyList(8);
    list.insert(1, 1, 1);
    list.insert(2, 2, 4);
    expect(ages(list)).toEqual([0, 4]);
    list.insert(3, 3, 4);
    expect(contents(list)).toEqual([
      [3, 3],
      [2, 2],
    ]);
  });

  it("ages nothing that is older than the key used again", () => {
    const list = new KeyList(8);
    for (const low of [1, 2, 3]) list.insert(low, low, 2);
    for (let times = 0; times < 5; times++) list.touch(3, 3, 2);
    list.touch(2, 2, 2);
    expect(contents(list).map(([low]) => low)).toEqual([2, 3, 1]);
    expect(ages(list)).toEqual([0, 2, 4]);
  });

  it("gives merged keys the place of their age, and keeps the lower age of a key known twice", () => {
    const list = new KeyList(10);
    for (const low of [4, 3, 2, 1]) list.insert(low, 0, 1);
    // Known here, newest first: 1 2 3 4. Told: 4 was used last, 9 stands behind two others, 8 is
    // older than anything the list keeps.
    list.merge(Uint32Array.of(4, 0, 0, 9, 0, 2, 1, 0, 3, 7, 0, 9, 8, 0, 50));
    expect(contents(list).map(([low]) => low)).toEqual([4, 1, 2, 9, 3, 7]);
  });

  it("rebuilds from a dump what the dump was taken of", () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { comparator: isSame, maxLength: 200 }), (keys) => {
        const from = new KeyList(1000);
        for (const [low, high] of keys) from.insert(low, high, 2);
        const to = new KeyList(1000);
        to.merge(Uint32Array.from(dump(from).flat()));
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
          const from = new KeyList(1000);
          for (const [low, high] of keys) from.insert(low, high, 2);
          const to = new KeyList(1000);
          for (let part = 0; part < parts; part++) {
            const own = dump(from).filter(([low = 0]) => low % parts === part);
            to.merge(Uint32Array.from(own.flat()));
          }
          expect(dump(to)).toEqual(dump(from));
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
          const list = new KeyList(limit);
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
