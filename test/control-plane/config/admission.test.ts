import { expect, test } from "vitest";
import { parseConfiguration } from "../../../control-plane/config/configuration.ts";
import {
  NO_CAP,
  REJECT_CONCURRENCY,
  REJECT_PROBABLY,
  REJECT_UTILIZATION,
} from "../../../protocol/profile.ts";

const HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";
const read = (body: string) => parseConfiguration(HEAD + body, "c");

const STANDARD = { operation: REJECT_UTILIZATION, parameters: [5, 0.8, 200] };

test.each([
  ["no detector is named", "plugins: [{type: queue-scorer}]", STANDARD],
  [
    "one is named by its type alone",
    "saturationDetector: {pluginRef: concurrency-detector}",
    { operation: REJECT_CONCURRENCY, parameters: [100, NO_CAP] },
  ],
  [
    "one has parameters of its own; its headroom is for the filter",
    `plugins:
- {type: utilization-detector, name: busy, parameters: {queueDepthThreshold: 9, headroom: 0.5}}
flowControl: {saturationDetector: {pluginRef: busy}}`,
    { operation: REJECT_UTILIZATION, parameters: [9, 0.8, 200] },
  ],
  [
    "tokens are counted",
    `plugins:
- {type: concurrency-detector, parameters: {concurrencyMode: tokens, maxTokenConcurrency: 70}}
saturationDetector: {pluginRef: concurrency-detector}`,
    { operation: REJECT_CONCURRENCY, parameters: [NO_CAP, 70] },
  ],
  [
    "thresholds stand in place, as in versions 1.2 to 1.4",
    "saturationDetector: {queueDepthThreshold: 7, metricsStalenessThreshold: 1s}",
    { operation: REJECT_UTILIZATION, parameters: [7, 0.8, 1000] },
  ],
  [
    "such a threshold makes no sense: the default holds",
    "saturationDetector: {queueDepthThreshold: -1, kvCacheUtilThreshold: 1.5}",
    STANDARD,
  ],
  [
    "both places name one: that of flowControl counts",
    `flowControl: {saturationDetector: {pluginRef: utilization-detector}}
saturationDetector: {pluginRef: concurrency-detector}`,
    STANDARD,
  ],
])("where %s", (_, body, rule) => {
  expect(read(body).admission).toEqual([rule]);
});

test("a probabilistic-admitter turns away beside the detector", () => {
  const { admission } = read("plugins: [{type: probabilistic-admitter, parameters: {k: 10}}]");
  const rule = { operation: REJECT_PROBABLY, parameters: [5, 0.8, 5, 10] };
  expect(admission).toEqual([STANDARD, rule]);
});

test("what is no detector, and a second admitter, are refused by name", () => {
  const scorer = "plugins: [{type: queue-scorer}]\nsaturationDetector: {pluginRef: queue-scorer}";
  expect(() => read(scorer)).toThrow('saturationDetector.pluginRef is "queue-scorer": is no satur');
  const two = `plugins:
- {type: probabilistic-admitter}
- {type: probabilistic-admitter, name: other}`;
  expect(() => read(two)).toThrow("probabilistic-admitter admits already");
});
