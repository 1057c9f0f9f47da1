import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyList } from "../../control-plane/index/key-list.ts";
import { FLAG_WANTS_INDEX, FLAG_WHOLE_TABLE } from "../../protocol/frame.ts";
import { blocksOfKey } from "../../protocol/keys.ts";
import { PICK_FLAG_REMOVE } from "../../protocol/records.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { hintsFrame, tableOf } from "../support/hints-written.ts";

const CAPACITY_BLOCKS = 320;
/** The profile of the tests' tables remembers so many times the capacity. */
const GHOST_SIZE = 6;
/** Bands of the past: a share of the capacity, and coarser beyond it. */
const BAND_BLOCKS = CAPACITY_BLOCKS / 32;
const COARSER = 8;

interface Use {
  readonly session: number;
  readonly keys: number;
  readonly blocks: number;
  readonly isRemoved?: boolean;
}

const endpoints = [{ slot: 0, capacityBlocks: CAPACITY_BLOCKS }];

/** Keys of a session's prompt, which grows at its end. */
function keysOf({ session, keys }: Use): bigint[] {
  return Array.from({ length: keys }, (_, depth) => (BigInt(session) << 40n) | BigInt(depth + 1));
}

/** Ages of all keys that a filter tells of, after these uses of one endpoint. */
function agesInFilter(uses: readonly Use[]): Map<bigint, number> {
  const gateway = new FilteredGateway({ hints: tableOf(0, { endpoints }) });
  for (const use of uses) {
    const flags = use.isRemoved ? PICK_FLAG_REMOVE : 0;
    gateway.hint(
      hintsFrame({ picks: [{ slot: 0, keys: keysOf(use), blocks: use.blocks, flags }] }),
    );
  }
  const flags = FLAG_WHOLE_TABLE | FLAG_WANTS_INDEX;
  gateway.hint(tableOf(0, { generation: 5, flags, endpoints }));
  gateway.run(2_000);
  return new Map(gateway.told.entries.map(({ key, ageBlocks }) => [key, ageBlocks]));
}

/** The same by the control plane's list, which is exact. */
function agesInList(uses: readonly Use[]): Map<bigint, number> {
  const list = new KeyList(GHOST_SIZE * CAPACITY_BLOCKS);
  for (const use of uses) {
    for (const [index, key] of [...keysOf(use).entries()].reverse()) {
      const words = [Number(key & 0xffff_ffffn), Number(key >> 32n)] as const;
      if (use.isRemoved) list.remove(...words);
      else list.insert(...words, blocksOfKey(index, use.keys, use.blocks));
    }
  }
  const ages = new Map<bigint, number>();
  list.eachNewestFirst((low, high, age) => {
    ages.set((BigInt(high) << 32n) | BigInt(low), age);
    return true;
  });
  return ages;
}

const use: fc.Arbitrary<Use> = fc
  .record({ session: fc.integer({ min: 1, max: 25 }), keys: fc.integer({ min: 1, max: 30 }) })
  .map(({ session, keys }) => ({ session, keys, blocks: 2 * keys }));

describe("the filter's index", () => {
  test("takes blocks used over and over for what pushes nothing out", () => {
    const cold = { session: 1, keys: 20, blocks: 20 };
    const hot = { session: 2, keys: 160, blocks: 160 };
    const ages = agesInFilter([cold, ...Array.from({ length: 100 }, () => hot)]);
    for (const key of keysOf(cold)) {
      const age = ages.get(key)!;
      expect(age).toBeGreaterThanOrEqual(160 - BAND_BLOCKS);
      expect(age).toBeLessThanOrEqual(180 + BAND_BLOCKS);
    }
  });

  test("knows ages as the control plane's exact list does, to a band", () => {
    fc.assert(
      fc.property(fc.array(use, { maxLength: 150, size: "max" }), (uses) => {
        const exact = agesInList(uses);
        const told = agesInFilter(uses);
        for (const [key, age] of exact) {
          const band = age > CAPACITY_BLOCKS ? COARSER * BAND_BLOCKS : 2 * BAND_BLOCKS;
          if (age > GHOST_SIZE * CAPACITY_BLOCKS - band) continue;
          expect(Math.abs(told.get(key)! - age), `${key} of age ${age}`).toBeLessThanOrEqual(band);
        }
      }),
      { numRuns: 25, seed: 3 },
    );
  });

  test("ages nothing by blocks that are taken back", () => {
    const kept = { session: 1, keys: 10, blocks: 40 };
    const refused = { session: 2, keys: 60, blocks: 240 };
    const uses = Array.from({ length: 30 }, () => [refused, { ...refused, isRemoved: true }]);
    const ages = agesInFilter([kept, ...uses.flat()]);
    expect(ages.size).toBe(10);
    for (const key of keysOf(kept)) expect(ages.get(key)).toBeLessThan(40 + BAND_BLOCKS);
  });

  test("hands on ages to one that starts with nothing, in any order", () => {
    const order = fc.shuffledSubarray(
      Array.from({ length: 300 }, (_, index) => index),
      { minLength: 300 },
    );
    fc.assert(
      fc.property(order, (ages) => {
        const gateway = new FilteredGateway({ hints: tableOf(0, { endpoints }) });
        const entries = ages.map((age) => ({ key: BigInt(age + 1), ageBlocks: 4 * age }));
        gateway.hint(hintsFrame({ entries: [{ slot: 0, entries }] }));
        const flags = FLAG_WHOLE_TABLE | FLAG_WANTS_INDEX;
        gateway.hint(tableOf(0, { generation: 5, flags, endpoints }));
        gateway.run(2_000);
        for (const { key, ageBlocks } of gateway.told.entries) {
          expect(ageBlocks).toBe(4 * (Number(key) - 1));
        }
        expect(gateway.told.entries.length).toBe(300);
      }),
      { numRuns: 5, seed: 4 },
    );
  });
});
