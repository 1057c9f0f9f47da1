import { describe, expect, it } from "vitest";
import type { Events } from "../../../control-plane/discovery/kubernetes/events.ts";
import {
  type ModelRewrite,
  ModelRewrites,
} from "../../../control-plane/discovery/kubernetes/model-rewrite.ts";

const GOOD = [{ targets: [{ modelRewrite: "good" }] }];
const WRONG = [{ targets: [] }];

function rewrite(name: string, rules: unknown, more: { uid?: string; at?: string } = {}) {
  const { uid = name, at = "2026-01-01T00:00:00Z" } = more;
  return {
    ...{ apiVersion: "llm-d.ai/v1alpha2", kind: "InferenceModelRewrite", poolName: "pool" },
    metadata: { name, namespace: "ns", uid, creationTimestamp: at },
    spec: { rules },
  } as ModelRewrite;
}

function taking() {
  const told: string[] = [];
  const events = {
    tell: ({ metadata }, _type, reason) => told.push(`${reason} ${metadata.name}`),
  } satisfies Pick<Events, "tell"> as unknown as Events;
  const models: string[][] = [];
  const rewrites = new ModelRewrites(events, {
    rewrites: (rules) => models.push(rules.map((rule) => rule.targets[0]!.model)),
    refused: (part, _error, kind) => told.push(`refused ${part} as ${kind}`),
    accepted: (part) => told.push(`accepted ${part}`),
  });
  return {
    /** What was told of these objects, and the models that rules then give. */
    take(...objects: ModelRewrite[]) {
      told.length = 0;
      rewrites.take(objects, ({ poolName }) => poolName);
      return { told: [...told], models: models.at(-1) };
    },
  };
}

const PART = "inferencemodelrewrites/ns/one";
const REFUSED = ["Refused one", `refused ${PART} as inferencemodelrewrites`];

describe("a rewrite that is refused", () => {
  it("is told once, under one label for all, and its last good rules stay", () => {
    const { take } = taking();
    expect(take(rewrite("one", GOOD))).toEqual({ told: [], models: ["good"] });
    expect(take(rewrite("one", WRONG))).toEqual({ told: REFUSED, models: ["good"] });
    expect(take(rewrite("one", WRONG))).toEqual({ told: [], models: ["good"] });
  });

  it("is over when it is mended, and when it is gone", () => {
    for (const after of [[rewrite("one", GOOD)], []]) {
      const { take } = taking();
      take(rewrite("one", WRONG));
      expect(take(...after).told).toEqual([`accepted ${PART}`]);
      expect(take(...after).told).toEqual([]);
    }
  });

  it("is not over where another of its name is refused as well", () => {
    const { take } = taking();
    take(rewrite("one", WRONG));
    const again = rewrite("one", WRONG, { uid: "another" });
    expect(take(again).told).toEqual(REFUSED);
    expect(take().told).toEqual([`accepted ${PART}`]);
  });
});

it("the older object's rules come first, and of one age the first by name", () => {
  const { take } = taking();
  const giving = (model: string) => [{ targets: [{ modelRewrite: model }] }];
  const { models } = take(
    rewrite("b", giving("second"), { at: "2026-01-02T00:00:00Z" }),
    rewrite("z", giving("first")),
    rewrite("a", giving("between"), { at: "2026-01-02T00:00:00Z" }),
  );
  expect(models).toEqual(["first", "between", "second"]);
});
