// Where a metrics page is read, and which of its series tell what, as the operator maps them.
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../control-plane/config/configuration.ts";
import { readPage } from "../../../control-plane/engines/engine.ts";

const LABEL = "llm-d.ai/engine-type";
const OLD_LABEL = "inference.networking.k8s.io/engine-type";

/** What a configuration with one plugin says of metrics. */
function metricsOf(type: string, parameters: object) {
  const kind = { apiVersion: "llm-d.ai/v1alpha1", kind: "EndpointPickerConfig" };
  const file = { ...kind, plugins: [{ type, parameters }] };
  return parseConfiguration(JSON.stringify(file), "c").metrics;
}

const MINE = {
  name: "mine",
  queuedRequestsSpec: "my:load{kind=waiting}",
  runningRequestsSpec: 'my:load{ kind = "running" }',
  kvUsageSpec: "my:kv",
  loraSpec: "my:adapters",
  cacheInfoSpec: "my:cache",
  cacheBlockSizeLabelName: "size",
  cacheNumBlocksLabelName: "count",
  customMetrics: [
    { attributeKey: "Heat", metricSpec: "my:gpu{gpu=0}" },
    { attributeKey: "Absent", metricSpec: "my:nothing" },
  ],
};
const PAGE = `
my:load{kind="waiting",rank="0"} 4.9
my:load{kind="waiting",rank="1"} 9
my:load{kind="running"} 2
my:kv 0.25
my:gpu{gpu="1"} 12
my:gpu{gpu="0"} 71.5
my:cache{size="32",count="10"} 1
my:adapters{running_lora_adapters="poet, bard",waiting_lora_adapters="",max_lora="3"} 5
`;

describe("core-metrics-extractor", () => {
  test("reads the first series of each mapped kind", () => {
    const metrics = metricsOf("core-metrics-extractor", { engineConfigs: [MINE] });
    expect(readPage(PAGE, metrics.engineOf({ [LABEL]: "mine" }))).toEqual({
      engine: "mine",
      waiting: 4,
      running: 2,
      kvUse: 0.25,
      cacheTokens: 320,
      blockTokens: 32,
      adapters: { active: ["poet", "bard"], waiting: [], most: 3 },
      attributes: { Heat: 71.5 },
      models: [],
      asleep: false,
    });
  });

  test.each<[string, object, Record<string, string>, string | null]>([
    ["the label", {}, { [LABEL]: "mine" }, "mine"],
    ["the old label", {}, { [OLD_LABEL]: "mine" }, "mine"],
    ["a label of the operator's", { engineLabelKey: "runs" }, { runs: "mine" }, "mine"],
    ["the default", { defaultEngine: "mine" }, {}, "mine"],
    ["a built-in engine's label", {}, { [LABEL]: "sglang" }, "sglang"],
    ["nothing: the page shows it", {}, {}, null],
  ])("finds the engine by %s", (_, given, labels, expected) => {
    const metrics = metricsOf("core-metrics-extractor", { ...given, engineConfigs: [MINE] });
    const engine = metrics.engineOf(labels);
    expect(typeof engine === "object" ? (engine?.name ?? null) : engine).toBe(expected);
  });

  test("takes a mapped vllm for endpoints without a label, as upstream does", () => {
    const engineConfigs = [{ ...MINE, name: "vllm" }];
    const engine = metricsOf("core-metrics-extractor", { engineConfigs }).engineOf({});
    expect(readPage(PAGE, engine)).toMatchObject({ engine: "vllm", running: 2 });
  });

  test("takes specs of the first versions for every endpoint", () => {
    const metrics = metricsOf("model-server-protocol-metrics", { runningRequestsSpec: "my:kv" });
    expect(readPage(PAGE, metrics.engineOf({}))).toMatchObject({ engine: "mapped", running: 0 });
  });

  test.each<[string, object, string]>([
    [
      "a series without a name",
      { engineConfigs: [{ name: "a", kvUsageSpec: "{b=c}" }] },
      "kvUsageSpec",
    ],
    ["a label without a value", { kvUsageSpec: "kv{b}" }, "must name a series"],
    ["a default that is nobody", { defaultEngine: "nobody" }, "map it in engineConfigs"],
    ["the reserved name", { engineConfigs: [{ name: "default" }] }, "is reserved"],
    ["an attribute without a series", attribute(""), "customMetrics[0].metricSpec"],
  ])("refuses %s", (_, parameters, part) => {
    expect(() => metricsOf("core-metrics-extractor", parameters)).toThrow(part);
  });
});

function attribute(metricSpec: string): object {
  return { engineConfigs: [{ name: "a", customMetrics: [{ attributeKey: "b", metricSpec }] }] };
}

describe("metrics-data-source", () => {
  test.each<[object, string]>([
    [{}, "http://10.0.0.1:8000/metrics"],
    [{ path: "/stats", port: 9090 }, "http://10.0.0.1:9090/stats"],
  ])("with %o reads %s", (parameters, url) => {
    expect(metricsOf("metrics-data-source", parameters).urlOf("10.0.0.1:8000", "http")).toBe(url);
  });

  test("refuses TLS", () => {
    expect(() => metricsOf("metrics-data-source", { scheme: "https" })).toThrow("must be http");
  });
});
