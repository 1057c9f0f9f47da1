import { expect, it } from "vitest";
import { parseSettings } from "../../../control-plane/config/settings-document.ts";

function refusal(text: string): string {
  try {
    parseSettings(`modelRewrites: ${text}`, "s.yaml");
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`not refused: ${text}`);
}

it("rules have models, targets with weights, and a pool where they are for one", () => {
  const text = `
modelRewrites:
  - matches: [{ model: { type: Exact, value: a } }, { model: { value: b } }]
    targets: [{ modelRewrite: c, weight: 9 }, { modelRewrite: d, weight: 1 }]
    pool: team/qwen
  - targets: [{ modelRewrite: e }, { modelRewrite: f }]
`;
  expect(parseSettings(text, "").modelRewrites).toEqual([
    {
      models: ["a", "b"],
      pool: "team/qwen",
      targets: [
        { model: "c", weight: 9 },
        { model: "d", weight: 1 },
      ],
    },
    {
      models: [],
      pool: null,
      targets: [
        { model: "e", weight: 1 },
        { model: "f", weight: 1 },
      ],
    },
  ]);
});

it.each([
  [
    "[{ targets: [{ modelRewrite: a, weight: 0 }] }]",
    "modelRewrites[0].targets[0].weight is 0: must",
  ],
  ["[{ targets: [{ modelRewrite: a, weight: 1.5 }] }]", "[0].targets[0].weight is 1.5: must"],
  ["[{ targets: [{ modelRewrite: a, weight: 1000001 }] }]", "weight is 1000001: must"],
  [
    "[{ targets: [{ modelRewrite: a, weight: 1 }, { modelRewrite: b }] }]",
    "targets[1].weight is absent: give it to each",
  ],
  ["[{ targets: [] }]", "modelRewrites[0].targets is []: must"],
  ["[{ matches: [] }]", "modelRewrites[0].targets is absent: give it"],
  ['[{ targets: [{ modelRewrite: "" }] }]', '[0].targets[0].modelRewrite is "": must'],
  ["[{ targets: [{ model: a }] }]", 'unknown key "model". Known here: modelRewrite, weight'],
  [
    "[{ matches: [{ model: { type: Prefix, value: a } }], targets: [{ modelRewrite: a }] }]",
    "must be one of Exact",
  ],
  ["[{ matches: [{}], targets: [{ modelRewrite: a }] }]", "matches[0].model is absent: give it"],
  ["[{ targets: [{ modelRewrite: a }], pool: a b }]", 'pool is "a b": must be the name of a pool'],
  [`[{ targets: [{ modelRewrite: ${"x".repeat(511)} }] }]`, "must not be longer than 512 bytes"],
  ["{ a: b }", "modelRewrites is {"],
])("%s is refused: %s", (text, message) => {
  expect(refusal(text)).toContain(message);
  expect(refusal(text)).toMatch(/^s\.yaml:1:\d+: /);
});
