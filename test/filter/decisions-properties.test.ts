// What holds of every decision, whatever the state: the sum of clamped scores by weight, filters
// before scores, and who is picked.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfiguredBench, type EndpointState, type Outcome } from "../support/configured-bench.ts";

const bench = new ConfiguredBench();
const RUNS = { numRuns: 60 };

const endpoint = fc.record({
  waiting: fc.nat(12),
  running: fc.nat(12),
  kvUse: fc.integer({ min: 0, max: 8 }).map((eighths) => eighths / 8),
  requests: fc.nat(9),
  tokens: fc.nat(40).map((hundreds) => hundreds * 100),
  role: fc.constantFrom("decode", "prefill", "both"),
});
type Drawn = typeof endpoint extends fc.Arbitrary<infer T> ? T : never;
const endpoints = fc.array(endpoint, { minLength: 1, maxLength: 6 });
/** Multiples of an eighth: exact as the 32-bit floats that travel. */
const weight = fc.integer({ min: -8, max: 40 }).map((eighths) => eighths / 8);

function stateOf({ waiting, running, kvUse, requests, tokens, role }: Drawn): EndpointState {
  const labels = { "llm-d.ai/role": role };
  return { reading: { waiting, running, kvUse }, requests, tokens, labels };
}

function spread(values: number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return values.map((value) => (most === least ? 1 : (most - value) / (most - least)));
}

/** Upstream's rules, for endpoints that a request without a prompt may go to. */
const RULES: Record<string, (drawn: Drawn[]) => number[]> = {
  "queue-scorer": (drawn) => spread(drawn.map(({ waiting }) => waiting)),
  "running-requests-size-scorer": (drawn) => spread(drawn.map(({ running }) => running)),
  "kv-cache-utilization-scorer": (drawn) => drawn.map(({ kvUse }) => 1 - kvUse),
  "load-aware-scorer": (drawn) => drawn.map(({ waiting }) => 0.5 * (1 - waiting / 128)),
  "active-request-scorer": (drawn) => {
    const most = Math.max(...drawn.map(({ requests }) => requests));
    return drawn.map(({ requests }) => (requests === 0 ? 1 : (most - requests) / most));
  },
  "prefix-cache-scorer": (drawn) => drawn.map(() => 0),
};
const TYPES = Object.keys(RULES);
const weights = fc.tuple(...TYPES.map(() => weight));

function configOf(weightOf: readonly number[], filters: readonly string[] = []): string {
  const refs = TYPES.map((type, index) => `{pluginRef: ${type}, weight: ${weightOf[index]}}`);
  const all = [...filters.map((filter) => `{pluginRef: ${filter}}`), ...refs];
  const declared = [...filters, ...TYPES].map((type) => `{type: ${type}}`);
  return `plugins: [${declared}]\nschedulingProfiles: [{name: default, plugins: [${all}]}]`;
}

function expectedScores(drawn: Drawn[], weightOf: readonly number[]): number[] {
  const columns = TYPES.map((type) => RULES[type]!(drawn));
  return drawn.map((_, index) =>
    columns.reduce((sum, column, at) => {
      return sum + Math.min(1, Math.max(0, column[index]!)) * weightOf[at]!;
    }, 0),
  );
}

function expectDecision(outcome: Outcome, kept: readonly boolean[], scores: number[]): void {
  if (!kept.includes(true)) {
    expect(outcome).toEqual({ status: 429, reason: "rejected-saturated" });
    return;
  }
  if (!("scores" in outcome)) throw new Error(`the filter answered ${outcome.status}`);
  const left = [...scores];
  for (const [index, isKept] of kept.entries()) {
    const told = outcome.scores[index]!;
    if (!isKept) expect(told).toBeNull();
    else expect(Math.abs(told - left.shift()!)).toBeLessThan(0.001);
  }
  expect(outcome.scores[outcome.picked]).toBe(
    Math.max(...outcome.scores.filter((score) => score !== null)),
  );
}

describe("a decision", () => {
  test("is for the most of all scores by weight, not divided by the weights", () => {
    fc.assert(
      fc.property(endpoints, weights, (drawn, weightOf) => {
        const outcome = bench.outcome({
          config: configOf(weightOf),
          endpoints: drawn.map(stateOf),
        });
        expectDecision(
          outcome,
          drawn.map(() => true),
          expectedScores(drawn, weightOf),
        );
      }),
      RUNS,
    );
  });

  test("scores only those that every filter keeps, whatever the filters' order", () => {
    const filters = fc.shuffledSubarray(["decode-filter", "prefill-filter"]);
    fc.assert(
      fc.property(endpoints, weights, filters, (drawn, weightOf, names) => {
        const accepted: Record<string, string[]> = {
          "decode-filter": ["decode", "both"],
          "prefill-filter": ["prefill", "both"],
        };
        const kept = drawn.map(({ role }) => names.every((name) => accepted[name]!.includes(role)));
        const left = drawn.filter((_, index) => kept[index]);
        const config = configOf(weightOf, names);
        const outcome = bench.outcome({ config, endpoints: drawn.map(stateOf) });
        expectDecision(outcome, kept, left.length > 0 ? expectedScores(left, weightOf) : []);
      }),
      RUNS,
    );
  });

  test("is the same with all weights doubled", () => {
    fc.assert(
      fc.property(endpoints, weights, (drawn, weightOf) => {
        const scores = expectedScores(drawn, weightOf);
        const best = Math.max(...scores);
        fc.pre(scores.filter((score) => best - score < 1e-5).length === 1);
        const pickedWith = (factor: number) => {
          const config = configOf(weightOf.map((one) => one * factor));
          const outcome = bench.outcome({ config, endpoints: drawn.map(stateOf) });
          return "picked" in outcome && outcome.picked;
        };
        expect(pickedWith(2)).toBe(pickedWith(1));
      }),
      RUNS,
    );
  });

  test("is 429 by concurrency exactly where every endpoint is at the limit", () => {
    const limit = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(endpoints, limit, (drawn, maxConcurrency) => {
        const parameters = `{maxConcurrency: ${maxConcurrency}}`;
        const config = `plugins: [{type: concurrency-detector, parameters: ${parameters}}]`;
        const kept = drawn.map(({ requests }) => requests < maxConcurrency);
        const outcome = bench.outcome({ config, endpoints: drawn.map(stateOf) });
        expectDecision(
          outcome,
          kept,
          drawn.map(() => 0),
        );
      }),
      RUNS,
    );
  });

  test("is never 429 by utilization, and drops saturated endpoints while one is not", () => {
    fc.assert(
      fc.property(endpoints, (drawn) => {
        const config = "plugins: [{type: utilization-detector}]";
        const isBelow = drawn.map(({ waiting, kvUse }) => waiting < 5 && kvUse < 0.8);
        const kept = isBelow.includes(true) ? isBelow : drawn.map(() => true);
        const outcome = bench.outcome({ config, endpoints: drawn.map(stateOf) });
        expectDecision(
          outcome,
          kept,
          drawn.map(() => 0),
        );
      }),
      RUNS,
    );
  });
});
