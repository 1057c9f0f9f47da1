// What every scorer that sees the endpoint alone promises.
import fc from "fast-check";
import { Value } from "typebox/value";
import { describe, expect, test } from "vitest";
import { type EngineReading, emptyReading } from "../../../control-plane/engines/reading.ts";
import { SCHEDULING_PLUGINS } from "../../../control-plane/scoring/catalogue.ts";
import type { EndpointScorer, Parameters } from "../../../control-plane/scoring/plugin.ts";

const SCORERS = SCHEDULING_PLUGINS.filter(
  (plugin): plugin is EndpointScorer => plugin.role === "endpoint scorer",
);

function pushed(type: string, reading: Partial<EngineReading>, given: object = {}): number {
  const scorer = SCORERS.find((one) => one.type === type)!;
  const parameters = Value.Default(scorer.parameters, { ...given }) as Parameters;
  return scorer.pushed({ ...emptyReading("vllm"), ...reading }, parameters);
}

const readings = fc.record({
  waiting: fc.oneof(fc.nat(), fc.double({ min: 0, noNaN: true })),
  running: fc.nat(),
  kvUse: fc.double({ min: 0, max: 1, noNaN: true }),
});

test.each(SCORERS.map(({ type }) => type))("%s scores between 0 and 1", (type) => {
  const threshold = fc.integer();
  fc.assert(
    fc.property(readings, threshold, (reading, given) => {
      const score = pushed(type, reading, type === "load-aware-scorer" ? { threshold: given } : {});
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(1);
    }),
  );
});

test.each<[number, number]>([
  [0, 1],
  [0.25, 0.75],
  [1, 0],
])("kv-cache-utilization-scorer of %d is %d", (kvUse, score) => {
  expect(pushed("kv-cache-utilization-scorer", { kvUse })).toBe(score);
});

describe("load-aware-scorer", () => {
  test.each<[number, object, number]>([
    [0, {}, 0.5],
    [64, {}, 0.25],
    [128, {}, 0],
    [1000, {}, 0],
    [5, { threshold: 10 }, 0.25],
    [64, { threshold: 0 }, 0.25],
    [64, { threshold: -3 }, 0.25],
  ])("of %d waiting with %o is %d", (waiting, given, score) => {
    expect(pushed("load-aware-scorer", { waiting }, given)).toBe(score);
  });
});

test("no two plugins have one type", () => {
  const types = SCHEDULING_PLUGINS.map(({ type }) => type);
  expect(new Set(types).size).toBe(types.length);
});

test("every plugin's defaults fit its own parameters, where none is required", () => {
  const needGiven = [
    "by-label",
    "endpoint-attribute-filter",
    "endpoint-attribute-scorer",
    "header-label-affinity-scorer",
  ];
  for (const { type, parameters } of SCHEDULING_PLUGINS) {
    if (needGiven.includes(type)) continue;
    expect(Value.Check(parameters, Value.Default(parameters, {})), type).toBe(true);
  }
});
