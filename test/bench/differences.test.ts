import { describe, expect, test } from "vitest";
import type { Sample } from "../../bench/speed/cells.ts";
import { differencesOf } from "../../bench/speed/differences.ts";
import type { Target } from "../../bench/speed/gateways.ts";

/** Rounds of one cell: p50 in ms, and whether others disturbed it. */
function samples(target: Target, rounds: readonly (readonly [number, boolean])[]): Sample[] {
  return rounds.map(([p50Ms, isDisturbed], round) => ({
    ...{ round, target, isDisturbed, workMs: 1 },
    ...{ bodyBytes: 1024, connections: 1, prompts: "unique", chunks: 0, asksUsage: false },
    ...{ endpoints: 4, indexKeys: 0 },
    measured: {
      ...{ requests: 1000, failures: 0, requestsPerSecond: 1000, chunks: 0 },
      ...{ p50Ms, p90Ms: p50Ms, p99Ms: 2 * p50Ms, maxMs: 3 * p50Ms },
      usage: { seconds: 1, processes: { envoy: p50Ms / 10, decider: 0 }, othersShare: 0 },
    },
  }));
}

function differenceOf(
  plain: readonly (readonly [number, boolean])[],
  pause: readonly (readonly [number, boolean])[],
) {
  return differencesOf([...samples("plain", plain), ...samples("pause", pause)])[0]!;
}

describe("a difference", () => {
  test("is the median of the differences within the rounds, not the one of the medians", () => {
    const quiet = (values: number[]) => values.map((value) => [value, false] as const);
    const { addedP50Ms } = differenceOf(quiet([1, 5, 2]), quiet([1.5, 5.1, 4]));
    expect(addedP50Ms.median).toBeCloseTo(0.5);
    expect(addedP50Ms.least).toBeCloseTo(0.1);
    expect(addedP50Ms.most).toBeCloseTo(2);
  });

  test("leaves out rounds that others disturbed, on either side", () => {
    const difference = differenceOf(
      [
        [1, true],
        [1, false],
        [1, false],
      ],
      [
        [9, false],
        [2, false],
        [8, true],
      ],
    );
    expect(difference.addedP50Ms.median).toBeCloseTo(1);
    expect(difference).toMatchObject({ roundsCounted: 1, rounds: 3, isDisturbed: false });
  });

  test("counts disturbed rounds, and says so, when there are no others", () => {
    const difference = differenceOf([[1, true]], [[2, false]]);
    expect(difference).toMatchObject({ roundsCounted: 1, isDisturbed: true });
  });

  test("is charged a request: CPU seconds over requests, in microseconds", () => {
    const difference = differenceOf([[1, false]], [[1.5, false]]);
    expect(difference.without.envoyUs).toBeCloseTo(100);
    expect(difference.addedEnvoyUs.median).toBeCloseTo(50);
    expect(difference.addedEnvoyPercent.median).toBeCloseTo(50);
  });
});
