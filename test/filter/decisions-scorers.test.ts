// What each scorer gives, worked out by hand from the rules of upstream's
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

describe("scorers", () => {
  const one = (type: string, parameters = "{}") =>
    `plugins: [{type: ${type}, parameters: ${parameters}}]`;
  const attribute = (algorithm: string) =>
    one("endpoint-attribute-scorer", `{attributeKey: Heat, algorithm: {${algorithm}}}`);
  const heats = (...values: (number | null)[]) =>
    values.map((value) => ({ reading: value === null ? {} : { attributes: { Heat: value } } }));
  const ranges = (...labels: (string | null)[]) =>
    labels.map((label) =>
      label === null ? {} : { labels: { "llm-d.ai/context-length-range": label } },
    );
  test.each<Decision>([
    {
      what: "load-aware never exceeds a half",
      config: one("load-aware-scorer"),
      endpoints: [0, 64, 500].map((waiting) => ({ reading: { waiting } })),
      // .5;  .5·(1 − 64/128);  .5·(1 − 128/128)
      scores: [0.5, 0.25, 0],
      picks: [0],
    },
    {
      what: "running-requests-size spreads from the least to the most",
      config: one("running-requests-size-scorer"),
      endpoints: [2, 6, 5].map((running) => ({ reading: { running } })),
      // (6−2)/4;  0;  (6−5)/4
      scores: [1, 0, 0.25],
      picks: [0],
    },
    {
      what: "active-request prefers idle endpoints over all busy ones",
      config: one("active-request-scorer", "{idleThreshold: 2, maxBusyScore: 0.5}"),
      endpoints: [{ requests: 2 }, { requests: 3 }, { requests: 8 }],
      // 1;  (8−3)/8·.5 = .3125;  0
      scores: [1, 0.313, 0],
      picks: [0],
    },
    {
      what: "prefix-cache squares the matched length by its scale",
      config: one("prefix-cache-scorer", "{matchLengthWeight: 0.5, matchLengthScaleTokens: 2048}"),
      blocks: 4,
      endpoints: [{ holds: 4 }, { holds: 2 }, {}],
      // .5·(1024/2048)² + .5·1;  .5·(512/2048)² + .5·.5;  0
      scores: [0.625, 0.281, 0],
      picks: [0],
    },
    {
      what: "lora-affinity grades active, room, waiting and full",
      config: one("lora-affinity-scorer"),
      model: "poet",
      headers: { ":path": "/v1/completions" },
      endpoints: [
        { reading: { adapters: { active: ["poet"], waiting: [], most: 1 } } },
        { reading: { adapters: { active: ["bard"], waiting: [], most: 2 } } },
        { reading: { adapters: { active: ["bard"], waiting: ["poet"], most: 2 } } },
        { reading: { adapters: { active: ["bard"], waiting: ["sage"], most: 2 } } },
      ],
      scores: [1, 0.8, 0.6, 0],
      picks: [0],
    },
    {
      what: "no-hit-lru is a half for all where one holds some of the prompt",
      config: one("no-hit-lru-scorer"),
      blocks: 2,
      endpoints: [{}, { holds: 1 }],
      scores: [0.5, 0.5],
      picks: [0, 1],
    },
    {
      what: "context-length-aware prefers tight ranges with room, then the nearest",
      config: one("context-length-aware"),
      blocks: 4,
      endpoints: ranges("0-2048", "0-32768", "2048-4096", null, "short"),
      // 1,024 tokens.
      // .3 + .7·(.7/(1 + .2048) + .3·1024/2048) = .3 + .7·(.5810 + .15) = .812
      // .3 + .7·(.7/(1 + 3.2768) + .3·31744/32768) = .3 + .7·(.1637 + .2906) = .618
      // .3/(1 + (2048−1024)/1000) = .148;  no label .5;  no range 0
      scores: [0.812, 0.618, 0.148, 0.5, 0],
      picks: [0],
    },
    {
      what: "context-length-aware gives a range of one length 1",
      config: one("context-length-aware"),
      blocks: 4,
      endpoints: ranges("1024-1024", "0-1000"),
      // 1;  .3/(1 + 24/1000) = .293
      scores: [1, 0.293],
      picks: [0],
    },
    {
      what: "endpoint-attribute spans the candidates that have it",
      config: attribute("type: linear_lower_is_better"),
      endpoints: heats(20, 60, 30, null),
      // 1 − 0;  1 − 40/40;  1 − 10/40;  missing 0
      scores: [1, 0, 0.75, 0],
      picks: [0],
    },
    {
      what: "endpoint-attribute clamps to a fixed range",
      config: attribute(
        "type: linear_higher_is_better, normalization: {fixedRange: {min: 0, max: 50}}",
      ),
      endpoints: heats(20, 60, -5, null),
      // 20/50;  60 is over;  −5 is under;  missing 0
      scores: [0.4, 1, 0, 0],
      picks: [1],
    },
    {
      what: "endpoint-attribute is 1 for all that are equal, and 0 without",
      config: attribute("type: linear_higher_is_better"),
      endpoints: heats(7, 7, null),
      scores: [1, 1, 0],
      picks: [0, 1],
    },
    {
      what: "header-label-affinity is 1 where the label is the header's value",
      config: one("header-label-affinity-scorer", "{headerName: X-Tenant, labelKey: tenant}"),
      headers: { "x-tenant": "acme" },
      endpoints: [{ labels: { tenant: "zeta" } }, { labels: { tenant: "acme" } }, {}],
      scores: [0, 1, 0],
      picks: [1],
    },
    {
      what: "header-label-affinity is 0 for all without the header",
      config: one("header-label-affinity-scorer", "{headerName: X-Tenant, labelKey: tenant}"),
      endpoints: [{ labels: { tenant: "" } }, { labels: { tenant: "acme" } }, {}],
      scores: [0, 0, 0],
      picks: [0, 1, 2],
    },
    {
      what: "topology-affinity is 0 for all: prefill and decode are paired by a label instead",
      config: `
plugins: [{type: topology-affinity-scorer}, {type: topology-affinity-filter}, {type: queue-scorer}]`,
      endpoints: [{ reading: { waiting: 1 } }, {}],
      scores: [0, 1],
      picks: [1],
    },
  ])("$what", check);
});
