import { expect, it } from "vitest";
import {
  type RewriteRule,
  rulesWithinLimits,
  toldRules,
} from "../../../control-plane/pool/rewrites.ts";

const targets = [{ model: "t", weight: 1 }];
const rule = (models: string[], pool: string | null = null): RewriteRule => {
  return { models, pool, targets };
};

it("rules for a model come before those for all, and else as listed", () => {
  const told = toldRules([rule([]), rule(["a", "b"]), rule(["a"], "p"), rule([], "p")], () => 7);
  expect(told.map(({ model, pool }) => [model, pool])).toEqual([
    ["a", null],
    ["b", null],
    ["a", 7],
    [null, null],
    [null, 7],
  ]);
});

it("rules of a pool that does not exist are left out", () => {
  expect(toldRules([rule(["a"], "gone"), rule(["b"])], () => undefined)).toEqual([
    { model: "b", pool: null, targets },
  ]);
});

it("rules past the limits are left out, and smaller ones behind them are not", () => {
  const models = Array.from({ length: 1024 }, (_, index) => `m${index}`);
  expect(rulesWithinLimits([rule(["x"]), rule(models), rule(["y"])])).toEqual([
    rule(["x"]),
    rule(["y"]),
  ]);
  const many = { ...rule([]), targets: models.map((model) => ({ model, weight: 1 })) };
  expect(rulesWithinLimits([many, rule(["x"])])).toEqual([many]);
  const long = { ...rule([]), targets: [{ model: "x".repeat(66_000), weight: 1 }] };
  expect(rulesWithinLimits([long, long])).toEqual([long]);
});
