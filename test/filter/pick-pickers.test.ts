import { describe, expect, test } from "vitest";
import * as profile from "../../protocol/profile.ts";
import type { StepHint } from "../support/hints-written.ts";
import { type Bench, picksOf, startBench } from "../support/pick-bench.ts";

const PUSHED = { operation: profile.SCORE_PUSHED };
const TIMES = 4_000;

function picker(operation: number, most = 1): StepHint {
  return { operation, parameters: [most], whole: true };
}

/** How often each endpoint came first, as a share of many picks. */
function shares(bench: Bench): number[] {
  const gateway = startBench(bench);
  const counts = bench.endpoints.map(() => 0);
  for (let times = 0; times < TIMES; times++) counts[picksOf(bench, gateway)[0]!]!++;
  return counts.map((count) => count / TIMES);
}

function expectShares(bench: Bench, expected: readonly number[]): void {
  for (const [place, share] of shares(bench).entries()) {
    expect(Math.abs(share - expected[place]!)).toBeLessThan(0.04);
  }
}

describe("the max-score picker", () => {
  const steps = [PUSHED, picker(profile.PICK_MAX_SCORE)];
  const endpoints = [{ score: 1 }, { score: 3 }, { score: 2 }, { score: 0 }];

  test("names endpoints from the best score down", () => {
    expect(picksOf({ steps, endpoints })).toEqual([1, 2, 0, 3]);
  });

  test("is what runs where the profile has none", () => {
    expect(picksOf({ steps: [PUSHED], endpoints })).toEqual([1, 2, 0, 3]);
  });

  test("names one where neither it nor the settings ask for more", () => {
    expect(picksOf({ steps, endpoints, fallbacks: 0 })).toEqual([1]);
  });

  test("names as many as it is told, or as the settings' fallbacks need if that is more", () => {
    const three = [PUSHED, picker(profile.PICK_MAX_SCORE, 3)];
    expect(picksOf({ steps: three, endpoints, fallbacks: 0 })).toEqual([1, 2, 0]);
    expect(picksOf({ steps: three, endpoints, fallbacks: 3 })).toEqual([1, 2, 0, 3]);
  });

  test("names at most eight", () => {
    const many = Array.from({ length: 20 }, (_, slot) => ({ score: slot }));
    const greedy = [PUSHED, picker(profile.PICK_MAX_SCORE, 1_000_000)];
    expect(picksOf({ steps: greedy, endpoints: many })).toEqual([19, 18, 17, 16, 15, 14, 13, 12]);
  });

  test("draws among equal scores, each as often as the others", () => {
    const equal = [{ score: 1 }, { score: 2 }, { score: 2 }, { score: 2 }];
    expectShares({ steps, endpoints: equal }, [0, 1 / 3, 1 / 3, 1 / 3]);
  });
});

describe("the random picker", () => {
  test("draws each as often as the others, whatever they score", () => {
    const steps = [PUSHED, picker(profile.PICK_RANDOM)];
    const endpoints = [{ score: 1 }, { score: 9 }, { score: 0 }, { score: 5 }];
    expectShares({ steps, endpoints }, [0.25, 0.25, 0.25, 0.25]);
  });
});

describe("the weighted-random picker", () => {
  const steps = [PUSHED, picker(profile.PICK_WEIGHTED_RANDOM)];

  test("draws each as often as its score says", () => {
    const endpoints = [{ score: 0.5 }, { score: 0.3 }, { score: 0.2 }, { score: 0 }];
    expectShares({ steps, endpoints }, [0.5, 0.3, 0.2, 0]);
  });

  test("draws evenly where all scores are zero", () => {
    expectShares({ steps, endpoints: [{}, {}] }, [0.5, 0.5]);
  });
});
