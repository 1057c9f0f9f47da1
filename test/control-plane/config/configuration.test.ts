import { describe, expect, test } from "vitest";
import {
  defaultConfiguration,
  parseConfiguration,
} from "../../../control-plane/config/configuration.ts";
import type { Profile } from "../../../control-plane/config/profile.ts";
import { HintwayError } from "../../../control-plane/errors.ts";
import {
  FILTER_LABEL,
  FILTER_PREFIX_AFFINITY,
  FILTER_SESSION,
  PICK_MAX_SCORE,
  PICK_RANDOM,
  SCORE_ACTIVE_REQUEST,
  SCORE_LORA,
  SCORE_NO_HIT_LRU,
  SCORE_PREFIX,
  SCORE_PUSHED,
  SCORE_QUEUE,
  SCORE_RUNNING,
  SCORE_SESSION,
  SCORE_TOKEN_COST,
  SCORE_TOKEN_LOAD,
} from "../../../protocol/profile.ts";

const HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";

function read(body: string, head = HEAD) {
  const { scheduling, warnings } = parseConfiguration(head + body, "c.yaml");
  return { scheduling, profile: scheduling.profiles[0]!, warnings };
}

function refusal(body: string, head = HEAD): HintwayError {
  try {
    read(body, head);
  } catch (error) {
    expect(error).toBeInstanceOf(HintwayError);
    return error as HintwayError;
  }
  throw new Error("the configuration is accepted");
}

/** Operations, weights and parameters, without names. */
function steps(body: string) {
  return read(body).profile.steps.map((s) => [s.operation, s.weight, s.parameters]);
}

const PICK_FIRST = [PICK_MAX_SCORE, 1, [1]];

describe("the profile", () => {
  test("is the cost in tokens where no file is given", () => {
    const { scheduling, warnings } = defaultConfiguration();
    const [profile] = scheduling.profiles as [Profile];
    expect(profile.steps).toEqual([
      {
        operation: SCORE_TOKEN_COST,
        weight: 1,
        parameters: [2, 0.5, 0.07, 0.1, 6, 1.5, 3],
        plugin: "token-cost-scorer",
      },
      { operation: PICK_MAX_SCORE, weight: 1, parameters: [1], plugin: "max-score-picker" },
    ]);
    expect(profile.pushedScore(null)).toBe(0);
    expect(warnings).toEqual([]);
  });

  test("has filters first, then what is pushed, then scorers, then the picker", () => {
    const { profile } = read(`
plugins:
- {type: random-picker, parameters: {maxNumOfEndpoints: 3}}
- {type: queue-scorer}
- {type: kv-cache-utilization-scorer}
- {type: prefix-cache-scorer, name: prefix}
- {type: decode-filter}
- {type: single-profile-handler}
schedulingProfiles:
- name: mine
  plugins:
  - {pluginRef: random-picker}
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: prefix, weight: 3.5}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: decode-filter}
`);
    expect(profile.name).toBe("mine");
    expect(profile.steps).toEqual([
      { operation: FILTER_LABEL, weight: 1, parameters: [0], plugin: "decode-filter" },
      {
        operation: SCORE_PUSHED,
        weight: 1,
        parameters: [0],
        plugin: "kv-cache-utilization-scorer",
      },
      { operation: SCORE_QUEUE, weight: 2, parameters: [], plugin: "queue-scorer" },
      { operation: SCORE_PREFIX, weight: 3.5, parameters: [0, 8192], plugin: "prefix" },
      { operation: PICK_RANDOM, weight: 1, parameters: [3], plugin: "random-picker" },
    ]);
  });

  test("holds every declared plugin where no profile is named", () => {
    expect(
      steps("plugins: [{type: queue-scorer}, {type: lora-affinity-scorer}, {type: openai-parser}]"),
    ).toEqual([[SCORE_QUEUE, 1, []], [SCORE_LORA, 1, []], PICK_FIRST]);
  });

  test("only picks where nothing is declared", () => {
    expect(steps("plugins: []\n")).toEqual([PICK_FIRST]);
    expect(steps("")).toEqual([PICK_FIRST]);
  });

  test("takes a declared picker where the profile names none", () => {
    const body = `
plugins: [{type: queue-scorer}, {type: random-picker}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]`;
    expect(steps(body)).toEqual([
      [SCORE_QUEUE, 1, []],
      [PICK_RANDOM, 1, [1]],
    ]);
  });

  test("sums what it pushes with weights and without normalising", () => {
    const { profile } = read(`
plugins: [{type: kv-cache-utilization-scorer}, {type: load-aware-scorer}]
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: load-aware-scorer, weight: 4}`);
    const reading = {
      engine: "vllm",
      waiting: 32,
      running: 1,
      kvUse: 0.25,
      cacheTokens: null,
      blockTokens: null,
      models: [],
      adapters: { active: [], waiting: [], most: 0 },
      attributes: {},
      asleep: false,
    };
    // 2 × (1 − 0.25) + 4 × 0.5 × (1 − 32/128)
    expect(profile.pushedScore(reading)).toBeCloseTo(3, 12);
    // Never probed: 2 × 1 + 4 × 0.5.
    expect(profile.pushedScore(null)).toBe(4);
    expect(profile.steps.filter(({ operation }) => operation === SCORE_PUSHED)).toHaveLength(1);
  });
});

describe("request headers", () => {
  test.each<[string, string[]]>([
    ["plugins: [{type: queue-scorer}]", []],
    ["plugins: [{type: session-affinity-scorer}]", ["x-session-token"]],
    [
      "plugins: [{type: session-affinity-filter, parameters: {encodedEndpointHeaderConfig: {header: ' X-Mine '}}}]",
      ["x-mine"],
    ],
    [
      "plugins: [{type: session-affinity-scorer}, {type: session-affinity-filter}]",
      ["x-session-token"],
    ],
    ["plugins: [{type: header-based-testing-filter}]", ["test-epp-endpoint-selection"]],
  ])("that %s looks at are numbered: %j", (body, headers) => {
    expect(read(body).scheduling.headers).toEqual(headers);
  });

  test("are at most eight", () => {
    const plugins = Array.from(
      { length: 9 },
      (_, n) =>
        `{type: header-label-affinity-scorer, name: p${n}, parameters: {headerName: x-${n}, labelKey: a}}`,
    );
    expect(refusal(`plugins: [${plugins}]`).message).toContain("more than 8 headers");
  });
});

describe("a plugin's parameters", () => {
  test.each<[string, string, number, number[]]>([
    ["queue-scorer", "{}", SCORE_QUEUE, []],
    ["running-requests-size-scorer", "{}", SCORE_RUNNING, []],
    ["active-request-scorer", "{}", SCORE_ACTIVE_REQUEST, [0, 1]],
    ["active-request-scorer", "{idleThreshold: 2, maxBusyScore: 0}", SCORE_ACTIVE_REQUEST, [2, 0]],
    ["active-request-scorer", "{idleThreshold: -1, maxBusyScore: 7}", SCORE_ACTIVE_REQUEST, [0, 1]],
    ["token-load-scorer", "{}", SCORE_TOKEN_LOAD, [4_194_304]],
    ["token-load-scorer", "{queueThresholdTokens: 0}", SCORE_TOKEN_LOAD, [4_194_304]],
    ["token-load-scorer", "{queueThresholdTokens: null}", SCORE_TOKEN_LOAD, [4_194_304]],
    ["prefix-cache-scorer", "{matchLengthWeight: 0.5}", SCORE_PREFIX, [0.5, 8192]],
    ["no-hit-lru-scorer", "{lruSize: -4}", SCORE_NO_HIT_LRU, [1024]],
    ["token-cost-scorer", "{omega: 0}", SCORE_TOKEN_COST, [2, 0.5, 0, 0.1, 6, 1.5, 3]],
    ["prefix-cache-affinity-filter", "{}", FILTER_PREFIX_AFFINITY, [0.8, 0, 18_000, 15_928]],
    ["session-affinity-filter", "{}", FILTER_SESSION, [0]],
    ["session-affinity-scorer", "{}", SCORE_SESSION, [0]],
    ["max-score-picker", "{maxNumOfEndpoints: 0}", PICK_MAX_SCORE, [1]],
  ])("%s %s become the step's", (type, given, operation, expected) => {
    const body = `plugins: [{type: ${type}, parameters: ${given}}]`;
    const step = read(body).profile.steps.find((one) => one.operation === operation);
    expect(step?.parameters).toEqual(expected);
  });

  test("that are unknown are refused with their place and what exists", () => {
    const error = refusal("plugins:\n- type: load-aware-scorer\n  parameters:\n    treshold: 3\n");
    expect(error.code).toBe("CONFIG_UNKNOWN_KEY");
    expect(error.message).toBe('c.yaml:6:5: unknown key "treshold". Known here: threshold.');
  });

  test("given to a plugin without any are ignored, as upstream does, and noted", () => {
    const { warnings } = read("plugins: [{type: queue-scorer, parameters: {threshold: 3}}]");
    expect(warnings).toEqual(["c.yaml:3:44: queue-scorer takes no parameters"]);
  });

  test.each([
    ["prefix-cache-scorer", "{matchLengthWeight: 2}", "parameters.matchLengthWeight is 2"],
    [
      "prefix-cache-scorer",
      "{matchLengthWeight: 1, matchLengthScaleTokens: 0}",
      "ScaleTokens is 0",
    ],
    ["prefix-cache-affinity-filter", "{ttftSource: latencyPredictor}", "use prefillThroughput"],
    ["load-aware-scorer", "{threshold: 1.5}", "must be integer"],
    ["load-aware-scorer", "{threshold: many}", 'parameters.threshold is "many"'],
    ["session-affinity-scorer", "{strategy: cookie}", "must be one of encoded_endpoint_header"],
    ["session-affinity-filter", "{strategy: session_id}", "use encoded_endpoint_header"],
    ["session-affinity-filter", "{encodedEndpointHeaderConfig: {header: a b}}", "a header's name"],
    ["by-label", "{label: zone}", "set allowsNoLabel"],
    ["by-label", "{validValues: [a]}", "parameters.label is absent"],
    ["token-cost-scorer", "{gamma: 1.0e+300}", "too large"],
  ])("of %s that make no sense are refused: %s", (type, given, part) => {
    const error = refusal(`plugins: [{type: ${type}, parameters: ${given}}]`);
    expect(error.code).toBe("CONFIG_INVALID_VALUE");
    expect(error.message).toContain(part);
    expect(error.message).toMatch(/^c\.yaml:3:\d+: /);
  });
});

describe("label filters", () => {
  function passes(type: string, given: string, labels: Record<string, string>) {
    const { scheduling } = read(`plugins: [{type: ${type}, parameters: ${given}}]`);
    return scheduling.labelFilters[0]?.(labels);
  }

  const role = "llm-d.ai/role";
  test.each<[string, string, Record<string, string>, boolean]>([
    ["decode-filter", "{}", {}, true],
    ["decode-filter", "{}", { [role]: "both" }, true],
    ["decode-filter", "{}", { [role]: "prefill" }, false],
    ["prefill-filter", "{}", {}, false],
    ["prefill-filter", "{}", { [role]: "prefill-decode" }, true],
    ["encode-filter", "{}", { [role]: "encode-prefill" }, true],
    ["encode-filter", "{}", { [role]: "both" }, false],
    ["by-label", "{label: gpu, validValues: [h100]}", { gpu: "h100" }, true],
    ["by-label", "{label: gpu, validValues: [h100]}", {}, false],
    ["by-label", "{label: gpu, allowsNoLabel: true}", {}, true],
    ["by-label", "{label: gpu, allowsNoLabel: true}", { gpu: "a10" }, false],
    ["label-selector-filter", "{}", {}, true],
    ["label-selector-filter", "{matchLabels: {a: b}}", { a: "b", c: "d" }, true],
    ["label-selector-filter", "{matchLabels: {a: b}}", { a: "c" }, false],
    ["label-selector-filter", "{matchLabels: {toString: b}}", {}, false],
    ["by-label-selector", "{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", {}, true],
    [
      "label-selector-filter",
      "{matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: Exists}]}",
      { a: "b" },
      false,
    ],
    [
      "label-selector-filter",
      "{matchExpressions: [{key: c, operator: DoesNotExist}]}",
      { a: "b" },
      true,
    ],
  ])("%s %s decide %o", (type, given, labels, expected) => {
    expect(passes(type, given, labels)).toBe(expected);
  });

  test("are numbered in the order they run", () => {
    const { profile, scheduling } = read(`
plugins:
- {type: label-selector-filter, name: fast, parameters: {matchLabels: {speed: fast}}}
- {type: label-selector-filter, name: near, parameters: {matchLabels: {zone: near}}}
schedulingProfiles: [{name: default, plugins: [{pluginRef: near}, {pluginRef: fast}]}]`);
    expect(profile.steps.slice(0, 2).map((s) => [s.plugin, s.parameters])).toEqual([
      ["near", [0]],
      ["fast", [1]],
    ]);
    expect(scheduling.labelFilters.map((test) => test({ zone: "near" }))).toEqual([true, false]);
  });

  test("with an operator that lacks values are refused", () => {
    const given = "{matchExpressions: [{key: a, operator: In}]}";
    const error = refusal(`plugins: [{type: label-selector-filter, parameters: ${given}}]`);
    expect(error.message).toContain("In needs values");
  });
});

describe("a file is refused", () => {
  test.each([
    ["that is empty", "", "", "CONFIG_SYNTAX", "c.yaml: the file is empty"],
    ["that is no YAML", "plugins: [", HEAD, "CONFIG_SYNTAX", "c.yaml:3:11: "],
    ["that repeats a key", "plugins: []\nplugins: []", HEAD, "CONFIG_SYNTAX", "c.yaml:4:1: "],
    ["that is a list", "- 1", "", "CONFIG_INVALID_VALUE", "must be object"],
    [
      "of another kind",
      "",
      "apiVersion: llm-d.ai/v1alpha1\nkind: Pod",
      "CONFIG_INVALID_VALUE",
      "kind",
    ],
    [
      "of another version",
      "",
      "apiVersion: v2\nkind: EndpointPickerConfig",
      "CONFIG_INVALID_VALUE",
      "v2",
    ],
    [
      "with an unknown key",
      "plugin: []",
      HEAD,
      "CONFIG_UNKNOWN_KEY",
      'c.yaml:3:1: unknown key "plugin"',
    ],
    [
      "with an unknown plugin",
      "plugins: [{type: queue-score}]",
      HEAD,
      "CONFIG_UNKNOWN_PLUGIN",
      'c.yaml:3:18: unknown plugin type "queue-score". Known types: active-request-scorer',
    ],
    [
      "with a plugin that exists elsewhere",
      "plugins: [{type: latency-scorer}]",
      HEAD,
      "CONFIG_UNSUPPORTED_PLUGIN",
      'c.yaml:3:18: plugin type "latency-scorer" is not supported: there is no latency predictor',
    ],
    [
      "with two plugins of one name",
      "plugins: [{type: queue-scorer}, {type: load-aware-scorer, name: queue-scorer}]",
      HEAD,
      "CONFIG_INVALID_VALUE",
      'plugins[1].name is "queue-scorer"',
    ],
    [
      "with a reference to nothing",
      "schedulingProfiles: [{name: a, plugins: [{pluginRef: b}]}]",
      HEAD,
      "CONFIG_INVALID_VALUE",
      'schedulingProfiles[0].plugins[0].pluginRef is "b"',
    ],
    [
      "with two profiles",
      "schedulingProfiles: [{name: a}, {name: b}]",
      HEAD,
      "CONFIG_INVALID_VALUE",
      "runs one profile",
    ],
    [
      "with two pickers",
      "plugins: [{type: random-picker}, {type: max-score-picker}]",
      HEAD,
      "CONFIG_INVALID_VALUE",
      "one picker",
    ],
    [
      "with a weight that is no number",
      "plugins: [{type: queue-scorer}]\nschedulingProfiles: [{name: a, plugins: [{pluginRef: queue-scorer, weight: .inf}]}]",
      HEAD,
      "CONFIG_INVALID_VALUE",
      "plugins[0].weight",
    ],
    [
      "with an unknown gate",
      "featureGates: [flowcontrol]",
      HEAD,
      "CONFIG_INVALID_VALUE",
      "known: dataLayer",
    ],
    [
      "that opens flow control",
      "featureGates: [flowControl]",
      HEAD,
      "CONFIG_INVALID_VALUE",
      "remove the gate",
    ],
    [
      "with more steps than a profile has",
      `plugins: [${Array.from({ length: 32 }, (_, n) => `{type: queue-scorer, name: q${n}}`)}]`,
      HEAD,
      "CONFIG_INVALID_VALUE",
      "exceed 32 steps",
    ],
  ])("%s", (_, body, head, code, part) => {
    const error = refusal(body, head);
    expect(error.code).toBe(code);
    expect(error.message).toContain(part);
  });
});
