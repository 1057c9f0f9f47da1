import { expect, test } from "vitest";
import { parseConfiguration } from "../../../control-plane/config/configuration.ts";

const LEGACY = "apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: EndpointPickerConfig\n";
const CURRENT = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";

function read(text: string) {
  const { scheduling, warnings } = parseConfiguration(text, "c");
  return {
    plugins: scheduling.profiles[0]!.steps.map((step) => `${step.plugin} ${step.weight}`),
    warnings,
  };
}

test("versions 1.0 and 1.1 with the index inside the prefix scorer are read", () => {
  const { plugins, warnings } = read(`${LEGACY}
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
  parameters: {hashBlockSize: 64, maxPrefixBlocksToMatch: 256, lruCapacityPerServer: 31250}
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: max-score-picker}
`);
  expect(plugins).toEqual([
    "kv-cache-utilization-scorer 1",
    "queue-scorer 2",
    "prefix-cache-scorer 3",
    "max-score-picker 1",
  ]);
  expect(warnings).toHaveLength(4);
  expect(warnings[0]).toContain("hashBlockSize has no effect");
  expect(warnings[3]).toContain("deprecated");
});

test("versions 1.2 to 1.4 with thresholds in place and a `data` section are read", () => {
  const { plugins, warnings } = read(`${LEGACY}
featureGates: [dataLayer, prepareDataPlugins]
plugins:
- type: metrics-data-source
- type: model-server-protocol-metrics
- type: queue-scorer
saturationDetector:
  queueDepthThreshold: 10
  kvCacheUtilThreshold: 0.8
  metricsStalenessThreshold: 150ms
data:
  sources:
  - pluginRef: metrics-data-source
    extractors: [{pluginRef: model-server-protocol-metrics}]
flowControl:
  maxBytes: 1024
  defaultRequestTTL: 60s
  priorityBands: [{priority: 1, maxBytes: 5, fairnessPolicyRef: x, orderingPolicyRef: y}]
`);
  expect(plugins).toEqual(["queue-scorer 1", "max-score-picker 1"]);
  expect(warnings.map((warning) => warning.replace(/^c:\d+:\d+: /, ""))).toEqual([
    "inference.networking.x-k8s.io/v1alpha1 is deprecated: use llm-d.ai/v1alpha1",
    "flowControl has no effect: its gate is closed",
  ]);
});

test("the router's version with all of its sections is read", () => {
  const { plugins, warnings } = read(`${CURRENT}
featureGates: ["flowControl=false", haPopulateNonLeaderDatastore]
plugins:
- type: token-producer
- type: approx-prefix-cache-producer
  parameters: {maxPrefixTokensToMatch: 16384, lruCapacityPerServer: 31250}
- type: inflight-load-producer
- type: prefix-cache-affinity-filter
- type: token-load-scorer
- type: metrics-data-source
- type: core-metrics-extractor
- type: utilization-detector
- type: openai-parser
- type: single-profile-handler
schedulingProfiles:
- name: default
  plugins: [{pluginRef: prefix-cache-affinity-filter}, {pluginRef: token-load-scorer}]
dataLayer:
  injectDefaults: true
  sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: core-metrics-extractor}]}]
flowControl:
  saturationDetector: {pluginRef: utilization-detector}
requestHandler:
  parsers: [{pluginRef: openai-parser}, {pluginRef: anthropic-parser}]
`);
  expect(plugins).toEqual([
    "prefix-cache-affinity-filter 1",
    "token-load-scorer 1",
    "max-score-picker 1",
  ]);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain("approx-prefix-cache-producer: parameters have no effect");
});

test("upstream's example without a data layer brings no warning", () => {
  const { plugins, warnings } = read(`${CURRENT}
plugins:
- type: prefix-cache-scorer
- type: decode-filter
- type: max-score-picker
- type: single-profile-handler
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: decode-filter
  - pluginRef: max-score-picker
  - pluginRef: prefix-cache-scorer
    weight: 2
`);
  expect(plugins).toEqual(["decode-filter 1", "prefix-cache-scorer 2", "max-score-picker 1"]);
  expect(warnings).toEqual([]);
});

test.each([
  ["a source", "dataLayer: {sources: [{pluginRef: nobody}]}", "dataLayer.sources[0].pluginRef"],
  ["a parser", "requestHandler: {parsers: [{pluginRef: nobody}]}", "parsers[0].pluginRef"],
  ["a detector", "saturationDetector: {pluginRef: nobody}", "saturationDetector.pluginRef"],
])("%s that names nobody is refused", (_, body, field) => {
  expect(() => read(CURRENT + body)).toThrow(`${field} is "nobody"`);
});

test("a saturation detector that a profile names is a filter of it", () => {
  const body = `${CURRENT}
plugins: [{type: utilization-detector}]
schedulingProfiles: [{name: a, plugins: [{pluginRef: utilization-detector}]}]`;
  expect(read(body).plugins).toEqual(["utilization-detector 1", "max-score-picker 1"]);
});
