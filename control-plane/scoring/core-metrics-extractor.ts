// Which series of a metrics page tell an engine's load, where the operator maps them.
import { type Static, Type } from "typebox";
import { isEngineName } from "../engines/engine.ts";
import { type EngineMapping, metricSpec } from "../engines/mapped-engine.ts";
import { bystander, parameters } from "./plugin.ts";

const spec = Type.String({ default: "" });
const engineSpecs = {
  queuedRequestsSpec: spec,
  runningRequestsSpec: spec,
  kvUsageSpec: spec,
  loraSpec: spec,
  cacheInfoSpec: spec,
};
const engineConfig = parameters({
  name: Type.String({ minLength: 1 }),
  ...engineSpecs,
  cacheBlockSizeLabelName: spec,
  cacheNumBlocksLabelName: spec,
  cacheBlockSizeSpec: spec,
  cacheNumBlocksSpec: spec,
  customMetrics: Type.Array(
    parameters({ attributeKey: Type.String({ minLength: 1 }), metricSpec: Type.String() }),
    { default: [] },
  ),
});

export const coreMetricsParameters = parameters({
  // Of versions 1.0 to 1.3, which knew one engine.
  ...engineSpecs,
  engineLabelKey: Type.String({ default: "llm-d.ai/engine-type" }),
  defaultEngine: Type.String({ default: "" }),
  engineConfigs: Type.Array(engineConfig, { default: [] }),
});
type CoreMetrics = Static<typeof coreMetricsParameters>;
type EngineConfig = CoreMetrics["engineConfigs"][number];

const SPEC_NAMES = [
  ...Object.keys(engineSpecs),
  "cacheBlockSizeSpec",
  "cacheNumBlocksSpec",
] as (keyof EngineConfig)[];
const NOT_A_SERIES = 'must name a series, as name{label="value"}';

function refuse(given: CoreMetrics) {
  for (const name of Object.keys(engineSpecs) as (keyof typeof engineSpecs)[]) {
    if (given[name] !== "" && !metricSpec(given[name])) {
      return { path: [name], problem: NOT_A_SERIES };
    }
  }
  for (const [index, config] of given.engineConfigs.entries()) {
    const path = ["engineConfigs", index];
    if (config.name === "default") return { path: [...path, "name"], problem: "is reserved" };
    for (const name of SPEC_NAMES) {
      const text = config[name];
      if (text === "" || typeof text !== "string" || metricSpec(text)) continue;
      return { path: [...path, name], problem: NOT_A_SERIES };
    }
    const custom = config.customMetrics.findIndex(({ metricSpec: text }) => !metricSpec(text));
    if (custom === -1) continue;
    const field = [...path, "customMetrics", custom, "metricSpec"];
    return { path: field, problem: NOT_A_SERIES };
  }
  const { defaultEngine, engineConfigs } = given;
  const isKnown = engineConfigs.some(({ name }) => name === defaultEngine);
  if (defaultEngine === "" || isKnown || isEngineName(defaultEngine)) return undefined;
  return { path: ["defaultEngine"], problem: "names no engine: map it in engineConfigs" };
}

const described = {
  stability: "beta",
  parameters: coreMetricsParameters,
  refuse,
  isHonoured: true,
} as const;

export const coreMetricsExtractor = bystander({ type: "core-metrics-extractor", ...described });
/** What core-metrics-extractor was called up to version 1.4. */
export const modelServerProtocolMetrics = bystander({
  type: "model-server-protocol-metrics",
  ...described,
});

/** Engines as `engineConfigs` maps them. */
export function mappingsOf(given: CoreMetrics): EngineMapping[] {
  return given.engineConfigs.map((config) => ({
    name: config.name,
    ...loadSpecs(config),
    blockSizeLabel: config.cacheBlockSizeLabelName || "block_size",
    blocksLabel: config.cacheNumBlocksLabelName || "num_gpu_blocks",
    blockSize: metricSpec(config.cacheBlockSizeSpec),
    blocks: metricSpec(config.cacheNumBlocksSpec),
    attributes: config.customMetrics.flatMap(({ attributeKey: key, metricSpec: text }) => {
      const metric = metricSpec(text);
      return metric ? [{ key, metric }] : [];
    }),
  }));
}

/** The one engine of versions 1.0 to 1.3; undefined where nothing of it is mapped. */
export function oldMappingOf(given: CoreMetrics): EngineMapping | undefined {
  const specs = loadSpecs(given);
  if (Object.values(specs).every((one) => one === undefined)) return undefined;
  const labels = { blockSizeLabel: "block_size", blocksLabel: "num_gpu_blocks" };
  return { name: "mapped", ...specs, ...labels, attributes: [] };
}

function loadSpecs(given: Pick<CoreMetrics, keyof typeof engineSpecs>) {
  return {
    waiting: metricSpec(given.queuedRequestsSpec),
    running: metricSpec(given.runningRequestsSpec),
    kvUse: metricSpec(given.kvUsageSpec),
    adapters: metricSpec(given.loraSpec),
    cache: metricSpec(given.cacheInfoSpec),
  };
}
