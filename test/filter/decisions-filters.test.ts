// Whom each filter keeps, worked out by hand from the rules of upstream's
// plugins (llm-d-router, pkg/epp/framework/plugins): the configuration goes through the control
// plane's reader, the pick through the shipped filter.
import { describe, expect, test } from "vitest";
import { ConfiguredBench, type Decision } from "../support/configured-bench.ts";

const bench = new ConfiguredBench();

function check({ scores, picks, ...situation }: Decision): void {
  const outcome = bench.outcome(situation);
  expect(outcome).toMatchObject({ scores });
  expect(picks).toContain("picked" in outcome ? outcome.picked : undefined);
}

describe("filters", () => {
  const queued = (filter: string) => `plugins: [${filter}, {type: queue-scorer}]`;
  const load = (waiting: number, kvUse: number, running = 0) => ({
    reading: { waiting, kvUse, running },
  });
  test.each<Decision>([
    {
      what: "utilization keeps endpoints at its caps",
      config: queued(
        "{type: utilization-filter, parameters: {conditions: [{metric: waiting-queue, maxValue: 5}, {metric: kv-cache-utilization, maxValue: 0.8}]}}",
      ),
      endpoints: [load(5, 0.8), load(6, 0), load(0, 0.81), load(1, 0.5)],
      // 5 ≤ 5 and .8 ≤ .8;  6 > 5;  .81 > .8.  Queues of those left: (5−5)/4, (5−1)/4
      scores: [0, null, null, 1],
      picks: [3],
    },
    {
      what: "utilization counts what is in flight, and running requests",
      config: queued(
        "{type: utilization-filter, parameters: {conditions: [{metric: active-requests, maxValue: 3}, {metric: running-requests, maxValue: 8}]}}",
      ),
      endpoints: [{ requests: 4 }, { requests: 3 }, load(0, 0, 9), load(0, 0, 8)],
      scores: [null, 1, null, 1],
      picks: [1, 3],
    },
    {
      what: "utilization keeps all rather than none, where it may",
      config: queued(
        "{type: utilization-filter, parameters: {fallbackOnEmpty: true, conditions: [{metric: waiting-queue, maxValue: 0}]}}",
      ),
      endpoints: [load(2, 0), load(1, 0)],
      scores: [0, 1],
      picks: [1],
    },
    {
      what: "utilization-detector keeps endpoints below both thresholds",
      config: queued("{type: utilization-detector}"),
      endpoints: [load(4, 0.79), load(5, 0), load(0, 0.8), load(0, 0.1)],
      // 4 < 5 and .79 < .8;  5 ≥ 5;  .8 ≥ .8
      scores: [0, null, null, 1],
      picks: [3],
    },
    {
      what: "utilization-detector allows for headroom",
      config: queued("{type: utilization-detector, parameters: {headroom: 0.2}}"),
      endpoints: [load(5, 0.95), load(6, 0)],
      // 5 < 5·1.2 = 6 and .95 < .8·1.2 = .96;  6 ≥ 6
      scores: [1, null],
      picks: [0],
    },
    {
      what: "utilization-detector keeps all where all are saturated",
      config: queued("{type: utilization-detector}"),
      endpoints: [load(9, 0), load(7, 0)],
      scores: [0, 1],
      picks: [1],
    },
    {
      what: "utilization-detector drops an endpoint whose reading is stale",
      config: queued("{type: utilization-detector}"),
      endpoints: [
        { ...load(0, 0), readMsAgo: 6_000 },
        { ...load(3, 0), readMsAgo: 900 },
      ],
      scores: [null, 1],
      picks: [1],
    },
    {
      what: "concurrency-detector keeps endpoints below its limit of requests",
      config: queued(
        "{type: concurrency-detector, parameters: {maxConcurrency: 10, headroom: 0.1}}",
      ),
      endpoints: [{ requests: 10 }, { requests: 11 }],
      // the limit is int(10·1.1) = 11
      scores: [1, null],
      picks: [0],
    },
    {
      what: "concurrency-detector looks at both in hybrid mode",
      config: queued(
        "{type: concurrency-detector, parameters: {concurrencyMode: hybrid, maxConcurrency: 5, maxTokenConcurrency: 1000}}",
      ),
      endpoints: [{ requests: 5 }, { tokens: 1000 }, { requests: 4, tokens: 999 }],
      scores: [null, null, 1],
      picks: [2],
    },
    {
      what: "context-length-aware filters where it is asked to",
      config: "plugins: [{type: context-length-aware, parameters: {enableFiltering: true}}]",
      blocks: 4,
      endpoints: ["1024-2048", "1025-2048", "0-1023", "nonsense"].map((range) => ({
        labels: { "llm-d.ai/context-length-range": range },
      })),
      // .3 + .7·(.7/(1 + .1024) + .3·1) = .954
      scores: [0.954, null, null, null],
      picks: [0],
    },
    ...(
      [
        ["LessThan", [1, null, null, 1]],
        ["LessThanOrEqual", [1, 1, null, 1]],
        ["GreaterThan", [null, null, 1, 1]],
        ["GreaterThanOrEqual", [null, 1, 1, 1]],
        ["Equal", [null, 1, null, 1]],
        ["NotEqual", [1, null, 1, 1]],
      ] as const
    ).map(([operator, scores]) => ({
      what: `endpoint-attribute compares by ${operator} and keeps those without`,
      config: queued(
        `{type: endpoint-attribute-filter, parameters: {attribute: Heat, algorithm: {type: threshold, threshold: {operator: ${operator}, value: 0.3}}}}`,
      ),
      endpoints: [0.2, 0.3, 0.4, undefined].map((heat) => ({
        reading: { attributes: heat === undefined ? {} : { Heat: heat } },
      })),
      scores,
      picks: [0, 1, 2, 3].filter((index) => scores[index] !== null),
    })),
    {
      what: "endpoint-attribute drops those without where it is told to",
      config: queued(
        "{type: endpoint-attribute-filter, parameters: {attribute: Heat, onMissing: Fail, algorithm: {type: threshold, threshold: {operator: LessThan, value: 9}}}}",
      ),
      endpoints: [{}, { reading: { attributes: { Heat: 1 } } }],
      scores: [null, 1],
      picks: [1],
    },
    {
      what: "label filters run before scores are normalised",
      config: queued("{type: decode-filter}"),
      endpoints: [
        { ...load(0, 0), labels: { "llm-d.ai/role": "prefill" } },
        load(4, 0),
        { ...load(8, 0), labels: { "llm-d.ai/role": "both" } },
      ],
      // Of 4 and 8: (8−4)/4, 0. With the first, it would be (8−4)/8.
      scores: [null, 1, 0],
      picks: [1],
    },
  ])("$what", check);

  test.each([
    [
      "by its caps",
      "{type: utilization-filter, parameters: {conditions: [{metric: waiting-queue, maxValue: 0}]}}",
    ],
    ["by concurrency", "{type: concurrency-detector, parameters: {maxConcurrency: 1}}"],
    ["by a label", "{type: prefill-filter}"],
    ["without the header of tests", "{type: header-based-testing-filter}"],
  ])("that leave nobody %s end the request with 429", (_, filter) => {
    const endpoints = [{ requests: 1, reading: { waiting: 1 } }];
    const outcome = bench.outcome({ config: queued(filter), endpoints });
    expect(outcome).toEqual({ status: 429, reason: "rejected-saturated" });
  });
});
