import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CacheReport, correctedFactor } from "../../../control-plane/pool/capacity.ts";

const BLOCK = 1024;

function report(believedBlocks: number, reportedBlocks: number, isFull = true): CacheReport {
  return {
    ...{ believedBytes: believedBlocks * BLOCK, reportedBytes: reportedBlocks * BLOCK },
    ...{ blockBytes: BLOCK, isFull },
  };
}

function factorAfter(factor: number, one: CacheReport, times: number): number {
  let moved = factor;
  for (let at = 0; at < times; at++) moved = correctedFactor(moved, one);
  return moved;
}

describe("the capacity's correction", () => {
  it("stays within its bounds, and recovers to the nominal capacity when reports agree", () => {
    const one = fc.tuple(fc.nat(1_000), fc.nat(2_000), fc.boolean());
    fc.assert(
      fc.property(fc.array(one, { maxLength: 400 }), (reports) => {
        let factor = 1;
        for (const [believed, reported, isFull] of reports) {
          factor = correctedFactor(factor, report(believed, reported, isFull));
          expect(factor).toBeGreaterThanOrEqual(0.1);
          expect(factor).toBeLessThanOrEqual(8);
        }
        expect(factorAfter(factor, report(100, 100), 2000)).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  it("takes a few blocks more than believed for rounding", () => {
    expect(correctedFactor(1, report(8, 12))).toBe(1);
    expect(correctedFactor(1, report(0, 12))).toBe(1);
  });

  it("follows a cache several times as large as it was told to be, in a few reports", () => {
    expect(factorAfter(1, report(2, 100), 5)).toBeGreaterThan(4);
    expect(factorAfter(1, report(0, 100), 100)).toBe(8);
  });

  it("takes an index that does not know as much yet for no sign of a larger cache", () => {
    expect(factorAfter(1, report(0, 100, false), 100)).toBe(1);
  });

  it("takes back what was too much sooner than what was told", () => {
    const missed = report(100, 0);
    expect(factorAfter(4, missed, 7)).toBeLessThan(1);
    expect(factorAfter(1, missed, 7)).toBeGreaterThan(0.8);
  });
});
