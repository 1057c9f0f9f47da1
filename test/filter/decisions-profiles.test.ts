// What upstream's own profiles and handlers decide, worked out by hand from the rules of upstream's
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

/** The profile of upstream without a file: queue 2, KV cache use 2, prefix 3. */
const UPSTREAM_DEFAULT = `
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: metrics-data-source
- type: core-metrics-extractor
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
`;

describe("upstream's default profile", () => {
  const config = UPSTREAM_DEFAULT;
  test.each<Decision>([
    {
      what: "sends a prompt to the endpoint that holds it",
      config,
      blocks: 4,
      endpoints: [
        { reading: { waiting: 0, kvUse: 0.5 } },
        { reading: { waiting: 4, kvUse: 0.25 }, holds: 3 },
        { reading: { waiting: 2, kvUse: 0 }, holds: 4 },
      ],
      // 2·(4−0)/4 + 2·(1−.5) + 3·0/4 = 3;  2·0 + 2·.75 + 3·3/4 = 3.75;  2·.5 + 2·1 + 3·1 = 6
      scores: [3, 3.75, 6],
      picks: [2],
    },
    {
      what: "leaves an endpoint that holds all of it, where that is full",
      config,
      blocks: 4,
      endpoints: [{ reading: { waiting: 10, kvUse: 0.9 }, holds: 4 }, { reading: {} }],
      // 2·0 + 2·.1 + 3·1 = 3.2;  2·1 + 2·1 + 3·0 = 4
      scores: [3.2, 4],
      picks: [1],
    },
    {
      what: "takes an endpoint that was never probed for the best",
      config,
      endpoints: [{ reading: { waiting: 3, kvUse: 0.2 } }, { reading: null }],
      // 2·0 + 2·.8;  2·1 + 2·1
      scores: [1.6, 4],
      picks: [1],
    },
    {
      what: "draws among equals, whose queues score 1",
      config,
      blocks: 1,
      endpoints: [{ reading: { waiting: 7 } }, { reading: { waiting: 7 } }],
      // 2·1 + 2·1 + 3·0
      scores: [4, 4],
      picks: [0, 1],
    },
    {
      what: "does not normalise by the weights, and has one candidate score like any other",
      config,
      endpoints: [{ reading: { waiting: 99, kvUse: 1 } }],
      // 2·1 (the least and the most are one) + 2·0 + 3·0
      scores: [2],
      picks: [0],
    },
  ])("$what", check);
});

/** What llm-d recommends where prefill is the bound: stick to the cache until it is too busy. */
const RECOMMENDED = `
plugins:
- type: prefix-cache-affinity-filter
- type: token-load-scorer
- type: max-score-picker
- type: single-profile-handler
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: prefix-cache-affinity-filter
  - pluginRef: token-load-scorer
  - pluginRef: max-score-picker
`;
const RECOMMENDED_FOR_DECODE = RECOMMENDED.replaceAll("token-load-scorer", "active-request-scorer");

describe("upstream's recommended profiles", () => {
  test.each<Decision>([
    {
      what: "keep to endpoints with four fifths of the prompt, then take the least tokens",
      config: RECOMMENDED,
      blocks: 10,
      endpoints: [{ holds: 10, tokens: 100_000 }, { holds: 8 }, { holds: 7 }],
      // 10/10 and 8/10 ≥ .8 > 7/10;  1 − 100,000/4,194,304;  1 − 512/4,194,304
      scores: [0.976, 1, null],
      picks: [1],
    },
    {
      what: "stick while waiting costs at most 18 s more than recomputing",
      config: RECOMMENDED,
      blocks: 10,
      endpoints: [{ holds: 10, tokens: 286_000 }, {}],
      // 286,000/15,928 s = 17.96 s;  1 − 286,000/4,194,304
      scores: [0.932, null],
      picks: [0],
    },
    {
      what: "let go where it costs more",
      config: RECOMMENDED,
      blocks: 10,
      endpoints: [{ holds: 10, tokens: 287_000 }, {}],
      // 287,000/15,928 s = 18.02 s;  1 − 287,000/4,194,304;  1 − 2,560/4,194,304
      scores: [0.932, 0.999],
      picks: [1],
    },
    {
      what: "keep all for a prompt that nobody holds",
      config: RECOMMENDED,
      blocks: 4,
      endpoints: [{ tokens: 4_194_304 }, { tokens: 2_097_152 }],
      // at the threshold 0;  1 − (2,097,152 + 1,024)/4,194,304
      scores: [0, 0.5],
      picks: [1],
    },
    {
      what: "count requests where decode is the bound",
      config: RECOMMENDED_FOR_DECODE,
      blocks: 10,
      endpoints: [{ holds: 10, requests: 4 }, { holds: 9, requests: 1 }, { requests: 0 }],
      // (4−4)/4;  (4−1)/4
      scores: [0, 0.75, null],
      picks: [1],
    },
  ])("$what", check);
});

describe("the header of conformance tests", () => {
  const config = "plugins: [{type: header-based-testing-filter}]";
  const endpoints = [{}, {}, {}];
  /** Endpoints have addresses of their own in each situation. */
  const listed = (list: (network: string) => string) => {
    const fresh = new ConfiguredBench();
    const headers = { "test-epp-endpoint-selection": list("10.0.0") };
    return fresh.outcome({ config, endpoints, headers });
  };

  test.each<[string, (network: string) => string, (number | null)[]]>([
    ["an address and a port", (network) => `${network}.2:8000`, [null, 0, null]],
    ["an address alone", (network) => `${network}.3`, [null, null, 0]],
    ["several, with white space", (network) => ` ${network}.1 ,, ${network}.3:8000`, [0, null, 0]],
  ])("names %s", (_, list, scores) => {
    expect(listed(list)).toMatchObject({ scores });
  });

  test("leaves nobody where it names another port", () => {
    expect(listed((network) => `${network}.2:8001`)).toMatchObject({ status: 429 });
  });
});

describe("header-profile-handler", () => {
  const config = `
plugins:
- type: header-profile-handler
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: running-requests-size-scorer
schedulingProfiles:
- name: decode
  plugins: [{pluginRef: queue-scorer}]
- name: prefill
  plugins: [{pluginRef: kv-cache-utilization-scorer, weight: 4}, {pluginRef: running-requests-size-scorer}]
`;
  const endpoints = [
    { reading: { waiting: 0, kvUse: 0.5, running: 3 } },
    { reading: { waiting: 2, kvUse: 0, running: 1 } },
  ];
  const asked = (profile?: string) =>
    bench.outcome({
      config,
      endpoints,
      headers: profile === undefined ? {} : { "epp-profile": profile },
    });

  test("runs the profile that the header names", () => {
    // 4·(1−.5) + 0;  4·1 + 1
    expect(asked("prefill")).toEqual({ scores: [2, 5], picked: 1 });
    expect(asked("decode")).toEqual({ scores: [1, 0], picked: 0 });
  });

  test("runs the default profile where there is no header, or an empty one", () => {
    expect(asked()).toEqual({ scores: [1, 0], picked: 0 });
    expect(asked("")).toEqual({ scores: [1, 0], picked: 0 });
  });

  test("answers 429 where the header names no profile", () => {
    expect(asked("encode")).toEqual({ status: 429, reason: "rejected-saturated" });
  });

  test("runs the only profile whatever the header says", () => {
    const only = "plugins: [{type: header-profile-handler}, {type: queue-scorer}]";
    const headers = { "epp-profile": "nobody" };
    expect(bench.outcome({ config: only, endpoints, headers })).toMatchObject({ scores: [1, 0] });
  });
});
