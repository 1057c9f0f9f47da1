// An engine whose metrics the operator maps, each by the name of a series and the labels it must have:
// `name` or `name{label=value,label2="value2"}`. Of several such series the first counts, as upstream
// (llm-d-router, pkg/epp/framework/plugins/datalayer/extractor/metrics).
import { adaptersIn } from "./adapters.ts";
import type { MetricFamilies, Sample } from "./metric-families.ts";
import { type Engine, emptyReading, positive, samples } from "./reading.ts";

/** A series as the operator names it. */
interface MetricSpec {
  name: string;
  labels: Record<string, string>;
}

/** Series by what they tell; undefined is not told. */
export interface EngineMapping {
  name: string;
  waiting?: MetricSpec | undefined;
  running?: MetricSpec | undefined;
  kvUse?: MetricSpec | undefined;
  adapters?: MetricSpec | undefined;
  /** A series whose labels tell the cache's block size and number of blocks. */
  cache?: MetricSpec | undefined;
  blockSizeLabel: string;
  blocksLabel: string;
  /** Series whose values tell them. */
  blockSize?: MetricSpec | undefined;
  blocks?: MetricSpec | undefined;
  attributes: { key: string; metric: MetricSpec }[];
}

const SPEC = /^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{([^}]*)\})?\s*$/;
const LABEL = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*(?:"([^"]*)"|([^",}\s]+))\s*$/;

/** Undefined where the text names no series. */
export function metricSpec(text: string): MetricSpec | undefined {
  const [, name, block = ""] = SPEC.exec(text) ?? [];
  if (name === undefined) return undefined;
  const labels: Record<string, string> = {};
  for (const pair of block.trim() === "" ? [] : block.split(",")) {
    const [, label, quoted, plain] = LABEL.exec(pair) ?? [];
    if (label === undefined) return undefined;
    labels[label] = quoted ?? plain ?? "";
  }
  return { name, labels };
}

export function mappedEngine(mapping: EngineMapping): Engine {
  const { name, attributes, waiting, running, kvUse, adapters, cache, blockSize, blocks } = mapping;
  const specs = [waiting, running, kvUse, adapters, cache, blockSize, blocks].filter(
    (spec) => spec !== undefined,
  );
  const all = [...specs, ...attributes.map(({ metric }) => metric)];
  return {
    name,
    metrics: [...new Set(all.map((spec) => spec.name))],
    matches: () => true,
    read: (families) => ({
      ...emptyReading(name),
      waiting: wholeNumber(families, waiting),
      running: wholeNumber(families, running),
      kvUse: share(families, kvUse),
      ...cacheSizes(families, mapping),
      adapters: adaptersIn(adapters ? samples(families, adapters.name, adapters.labels) : []),
      attributes: attributesIn(families, attributes),
    }),
  };
}

function sample(families: MetricFamilies, spec: MetricSpec | undefined): Sample | undefined {
  return spec && samples(families, spec.name, spec.labels)[0];
}

function wholeNumber(families: MetricFamilies, spec: MetricSpec | undefined): number {
  return Math.trunc(positive(sample(families, spec)?.value) ?? 0);
}

function share(families: MetricFamilies, spec: MetricSpec | undefined): number {
  return Math.min(1, positive(sample(families, spec)?.value) ?? 0);
}

function cacheSizes(families: MetricFamilies, mapping: EngineMapping) {
  const labels = sample(families, mapping.cache)?.labels ?? {};
  const told = (spec: MetricSpec | undefined, label: string) =>
    positive(sample(families, spec)?.value) ??
    positive(Object.hasOwn(labels, label) ? labels[label] : undefined);
  const blockTokens = told(mapping.blockSize, mapping.blockSizeLabel);
  const blocks = told(mapping.blocks, mapping.blocksLabel);
  return { blockTokens, cacheTokens: positive((blockTokens ?? 0) * (blocks ?? 0)) };
}

function attributesIn(families: MetricFamilies, attributes: EngineMapping["attributes"]) {
  const told: Record<string, number> = {};
  for (const { key, metric } of attributes) {
    const value = sample(families, metric)?.value;
    if (value !== undefined && Number.isFinite(value)) told[key] = value;
  }
  return told;
}
