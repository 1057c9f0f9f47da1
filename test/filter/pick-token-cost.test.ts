import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explained } from "../support/asked.ts";
import { hintsFrame, TOKEN_COST } from "../support/hints-written.ts";
import {
  type Bench,
  type BenchEndpoint,
  explain,
  KIB,
  keyCountOf,
  keysOf,
  picksOf,
  promptOf,
  startBench,
} from "../support/pick-bench.ts";

// The formula again, written from its definition:
//   cost(e) = backlog(e) + ω · resident(e)
//           + (γ + α · mean(backlog) / mean(uncached) + β · unanswered(e)) · uncached(e)
//           + ρ · renewal(e) · (uncached(e) + found · older(e))
// Before the first pick nothing was computed lately, and ρ weighs nothing.

interface Parameters {
  readonly gamma: number;
  readonly alpha: number;
  readonly omega: number;
  readonly credit: number;
  readonly beta: number;
  readonly rho?: number;
}

/** What a pool takes a request to bring before it has seen any. */
const MEAN_UNCACHED_BYTES = 4_096;
const CAPACITY_BLOCKS = 100;

function costs(
  endpoints: readonly BenchEndpoint[],
  promptKib: number,
  given: Parameters,
): number[] {
  const backlogs = endpoints.map(({ otherBacklogBytes }) => otherBacklogBytes ?? 0);
  const mean = backlogs.reduce((sum, bytes) => sum + bytes) / endpoints.length;
  const price = given.gamma + (given.alpha * mean) / MEAN_UNCACHED_BYTES;
  const without = (kib: number): number => Math.max(1, (promptKib - kib) * KIB);
  return endpoints.map((endpoint, place) => {
    const held = endpoint.holds ?? 0;
    const unused = endpoint.unusedBlocks ?? 0;
    const cached = unused <= CAPACITY_BLOCKS ? held : 0;
    const remembered = unused <= 6 * CAPACITY_BLOCKS ? held : 0;
    const credit = given.credit * (without(cached) - without(remembered));
    const uncached = without(cached) - credit;
    const weight = price + given.beta * (endpoint.otherUnanswered ?? 0);
    return backlogs[place]! + weight * uncached + given.omega * (endpoint.otherResidentBytes ?? 0);
  });
}

const PROMPT_KIB = 6;

const endpointArbitrary: fc.Arbitrary<BenchEndpoint> = fc.record({
  holds: fc.integer({ min: 0, max: PROMPT_KIB }),
  unusedBlocks: fc.constantFrom(0, 50, 100, 101, 300, 600, 601, 5_000),
  otherBacklogBytes: fc.integer({ min: 0, max: 2_000_000 }),
  otherResidentBytes: fc.integer({ min: 0, max: 50_000_000 }),
  otherUnanswered: fc.integer({ min: 0, max: 40 }),
  capacityBlocks: fc.constant(CAPACITY_BLOCKS),
});
const parametersArbitrary: fc.Arbitrary<Parameters> = fc.record({
  gamma: fc.integer({ min: 0, max: 40 }).map((value) => value / 8),
  alpha: fc.integer({ min: 0, max: 40 }).map((value) => value / 8),
  omega: fc.integer({ min: 0, max: 8 }).map((value) => value / 16),
  credit: fc.integer({ min: 0, max: 4 }).map((value) => value / 4),
  beta: fc.integer({ min: 0, max: 40 }).map((value) => value / 8),
  rho: fc.integer({ min: 0, max: 40 }).map((value) => value / 8),
});

function benchOf(endpoints: readonly BenchEndpoint[], given: Parameters): Bench {
  const { gamma, alpha, omega, credit, beta, rho = 0 } = given;
  const parameters = [gamma, alpha, omega, credit, 6, beta, rho];
  return { steps: [{ ...TOKEN_COST, parameters }], endpoints, promptKib: PROMPT_KIB };
}

describe("the token-cost scorer", () => {
  test("costs what the formula says, and scores least cost / cost", () => {
    const endpoints = fc.array(endpointArbitrary, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(endpoints, parametersArbitrary, (given, parameters) => {
        const expected = costs(given, PROMPT_KIB, parameters);
        const least = Math.min(...expected);
        const { candidates } = explain(benchOf(given, parameters));
        for (const [place, candidate] of candidates.entries()) {
          const cost = expected[place]!;
          expect(Math.abs(candidate.costBytes! - cost)).toBeLessThan(0.01);
          expect(Math.abs(candidate.score - (cost === least ? 1 : least / cost))).toBeLessThan(
            0.001,
          );
        }
      }),
      { numRuns: 120, seed: 11 },
    );
  });

  test("names endpoints from the cheapest up", () => {
    const parameters = { gamma: 2, alpha: 1.5, omega: 0.07, credit: 0.1, beta: 1.5 };
    const given = [
      { otherBacklogBytes: 900_000 },
      { holds: 6, otherBacklogBytes: 30_000 },
      { otherBacklogBytes: 100_000 },
      { holds: 3, otherResidentBytes: 9_000_000 },
    ];
    const expected = costs(given, PROMPT_KIB, parameters);
    const order = expected.map((_, place) => place).sort((a, b) => expected[a]! - expected[b]!);
    expect(picksOf(benchOf(given, parameters))).toEqual(order);
  });

  test("leaves a cached prompt's endpoint for one that costs less as its backlog grows", () => {
    const parameters = { gamma: 2, alpha: 0, omega: 0, credit: 0, beta: 0 };
    // The prompt elsewhere costs 2 · 6 KiB = 12,288 bytes.
    const pick = (bytes: number): number | undefined =>
      picksOf(benchOf([{ holds: 6, otherBacklogBytes: bytes }, {}], parameters))[0];
    expect(pick(12_280)).toBe(0);
    expect(pick(12_290)).toBe(1);
  });

  test("keeps a long prompt from where many wait, for which a short one goes", () => {
    const parameters = { gamma: 2, alpha: 0, omega: 0, credit: 0, beta: 1 };
    const given = [
      { otherBacklogBytes: 10_000, otherUnanswered: 8 },
      { otherBacklogBytes: 40_000 },
    ];
    const pick = (promptKib: number): number | undefined =>
      picksOf({ ...benchOf(given, parameters), promptKib })[0];
    // 8 who wait for one KiB more each are 8 KiB; for six, 48 KiB.
    expect(pick(1)).toBe(0);
    expect(pick(PROMPT_KIB)).toBe(1);
  });

  describe("weighs by ρ what an endpoint computed lately", () => {
    const parameters = { gamma: 2, alpha: 0, omega: 0, credit: 0, beta: 0, rho: 3 };
    const given = { capacityBlocks: CAPACITY_BLOCKS };
    const promptBytes = PROMPT_KIB * KIB;

    /** What the prompt costs each of two endpoints, after picks that found so much uncached. */
    function costsAfter(picks: readonly { slot: number; uncachedBytes: number }[]): number[] {
      const gateway = startBench(benchOf([given, given], parameters));
      const hints = picks.map((pick, at) => ({ ...pick, keys: [BigInt(at + 1)], blocks: 4 }));
      gateway.hint(hintsFrame({ picks: hints }));
      return explained(gateway.worker, promptOf(PROMPT_KIB)).candidates.map(
        ({ costBytes }) => costBytes!,
      );
    }

    const cached = Array.from({ length: 200 }, (_, at) => ({ slot: at % 2, uncachedBytes: 0 }));

    /** Blocks computed in turn on these endpoints, of which each has room for a hundred. */
    const computed = (slots: number[], blocks: number) =>
      Array.from({ length: blocks }, (_, at) => ({
        slot: slots[at % slots.length]!,
        uncachedBytes: KIB,
      }));

    test("in proportion to what prompts find cached, from 0 to ρ", () => {
      const [busy, idle] = costsAfter([...computed([0], 400), ...cached]);
      // All of what was computed is on one of two: twice what is usual, so 2 / (2 + 1).
      expect(busy! / promptBytes).toBeCloseTo(2 + (3 * 2) / 3, 1);
      expect(idle! / promptBytes).toBe(2);
    });

    test("half as much where all computed the same", () => {
      for (const cost of costsAfter([...computed([0, 1], 400), ...cached])) {
        expect(cost / promptBytes).toBeGreaterThan(2 + 3 * 0.45);
        expect(cost / promptBytes).toBeLessThan(2 + 3 * 0.55);
      }
    });

    test("hardly where caches are nearly empty: nothing is pushed out", () => {
      const [busy] = costsAfter([...computed([0], 1), ...cached]);
      expect(busy! / promptBytes).toBeGreaterThan(2);
      expect(busy! / promptBytes).toBeLessThan(2.5);
    });

    test("by less the more was computed since", () => {
      const [before] = costsAfter([...computed([0], 200), ...cached]);
      const later = [...computed([0], 200), ...computed([1], 200)];
      const [after, other] = costsAfter([...later, ...cached]);
      expect(before! / promptBytes).toBeGreaterThan(3.8);
      expect(after!).toBeLessThan(other!);
      expect(after! / promptBytes).toBeLessThan(2.5);
    });

    describe("and a copy that is older than another's", () => {
      /** What the prompt costs where endpoints hold it, once caches are full and alike. */
      function costsOfCopies(copies: readonly { kib: number; ageBlocks: number }[]): number[] {
        const gateway = startBench(
          benchOf(
            copies.map(() => given),
            parameters,
          ),
        );
        const work = [...computed([0, 1], 400), ...cached];
        const picks = work.map((pick, at) => ({ ...pick, keys: [BigInt(at + 1)], blocks: 4 }));
        gateway.hint(hintsFrame({ picks }));
        const entries = copies.map(({ kib, ageBlocks }, slot) => ({
          slot,
          entries: keysOf(PROMPT_KIB)
            .slice(0, keyCountOf(kib))
            .map((key) => ({ key, ageBlocks })),
        }));
        gateway.hint(hintsFrame({ entries }));
        const { candidates } = explained(gateway.worker, promptOf(PROMPT_KIB));
        return candidates.map(({ costBytes }) => costBytes!);
      }

      const WHOLE = { kib: PROMPT_KIB, ageBlocks: 0 };
      const OLDER = { kib: PROMPT_KIB, ageBlocks: 50 };

      test("by how much of the cache it is older", () => {
        const [young, old] = costsOfCopies([WHOLE, OLDER]);
        expect(young!).toBeLessThan(10);
        // Half of the cache, and a renewal of a half.
        expect(old! / promptBytes).toBeGreaterThan(3 * 0.5 * 0.5 * 0.8);
        expect(old! / promptBytes).toBeLessThan(3 * 0.5 * 0.5 * 1.2);
      });

      test("for that part which both hold", () => {
        const [, whole] = costsOfCopies([WHOLE, OLDER]);
        const [, part] = costsOfCopies([{ ...WHOLE, kib: 2 }, OLDER]);
        expect(part! / whole!).toBeGreaterThan(0.8 / 3);
        expect(part! / whole!).toBeLessThan(1.2 / 3);
      });

      test("while there are up to 64 of them: more are in nobody's way", () => {
        const among = (count: number) =>
          costsOfCopies([OLDER, ...Array.from({ length: count - 1 }, () => WHOLE)])[0]!;
        expect(among(64)).toBeGreaterThan(promptBytes / 2);
        expect(among(65)).toBeLessThan(10);
      });

      test("and not at all where nobody else has one", () => {
        const [, old] = costsOfCopies([{ kib: 0, ageBlocks: 0 }, OLDER]);
        expect(old!).toBeLessThan(10);
      });
    });

    test("not at all where prompts find nothing cached", () => {
      const [busy, idle] = costsAfter([{ slot: 0, uncachedBytes: KIB }]);
      expect(busy).toBe(idle);
    });
  });
});
