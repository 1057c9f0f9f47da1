// What an engine's metrics tell about one endpoint, whatever names the engine gives them.
import type { MetricFamilies, Sample } from "./metric-families.ts";

export interface EngineReading {
  engine: string;
  /** Requests waiting for their first step. */
  waiting: number;
  /** Requests in the running batch. */
  running: number;
  /** Share of the KV cache in use, 0 to 1. */
  kvUse: number;
  /** Tokens the KV cache holds, where the engine tells. */
  cacheTokens: number | null;
  /** Tokens of one of the engine's cache blocks, where the engine tells. */
  blockTokens: number | null;
  /** Names of the models it serves, adapters aside, where the engine tells. */
  models: string[];
  /** LoRA adapters by name. `most` is how many may be active at once; 0 where not told. */
  adapters: { active: string[]; waiting: string[]; most: number };
  /** Numbers that the operator has mapped from metrics, by their names; absent where not told. */
  attributes: Readonly<Record<string, number>>;
  /** The engine answers and cannot serve before it is woken. */
  asleep: boolean;
}

export interface Engine {
  /** The value of the `llm-d.ai/engine-type` label. */
  name: string;
  /** Names of all metrics that `matches` and `read` look at; nothing else is parsed. */
  metrics: readonly string[];
  /** Whether these metrics are this engine's. */
  matches(families: MetricFamilies): boolean;
  /** What is absent reads as zero, or null where that is possible. */
  read(families: MetricFamilies): EngineReading;
}

/** A reading that knows nothing. */
export function emptyReading(engine: string): EngineReading {
  const adapters = { active: [], waiting: [], most: 0 };
  const unknown = { cacheTokens: null, blockTokens: null, models: [] };
  const load = { waiting: 0, running: 0, kvUse: 0 };
  return { engine, ...load, ...unknown, adapters, attributes: {}, asleep: false };
}

type Labels = Readonly<Record<string, string>>;

/** Samples of `name` that have all of `labels`. */
export function samples(families: MetricFamilies, name: string, labels: Labels = {}): Sample[] {
  const wanted = Object.entries(labels);
  const found = families.get(name) ?? [];
  return found.filter((sample) => wanted.every(([key, value]) => sample.labels[key] === value));
}

/** Sum over all series: an engine with data parallelism has one each. Never negative. */
export function sum(families: MetricFamilies, name: string, labels: Labels = {}): number {
  return samples(families, name, labels).reduce((total, { value }) => total + count(value), 0);
}

/** Mean over all series of a share between 0 and 1; 0 without any. */
export function meanShare(families: MetricFamilies, name: string, labels: Labels = {}): number {
  const found = samples(families, name, labels);
  const total = found.reduce((all, { value }) => all + Math.min(count(value), 1), 0);
  return found.length === 0 ? 0 : total / found.length;
}

/**
 * The cache of an engine that tells its sizes in the labels of an information metric, named by
 * `labels`. Data-parallel engines each have a sample, and a cache of their own.
 */
export function cacheInLabels(
  samples: readonly Sample[],
  labels: { blockTokens: string; blocks: string; tokens?: string },
): Pick<EngineReading, "cacheTokens" | "blockTokens"> {
  let cacheTokens = 0;
  let blockTokens: number | null = null;
  for (const sample of samples) {
    const told = (label: string | undefined) => positive(sample.labels[label ?? ""]);
    const block = told(labels.blockTokens);
    cacheTokens += told(labels.tokens) ?? (told(labels.blocks) ?? 0) * (block ?? 0);
    blockTokens ??= block;
  }
  return { cacheTokens: positive(cacheTokens), blockTokens };
}

/** The models that the series of `name` are labelled with. */
export function modelNames(families: MetricFamilies, name: string): string[] {
  const told = samples(families, name).map(({ labels }) => labels["model_name"] ?? "");
  return [...new Set(told)].filter((model) => model !== "");
}

/** A positive number told by a label's text or a sample's value, else null. */
export function positive(value: string | number | undefined): number | null {
  const number = Number(value);
  return value !== "" && Number.isFinite(number) && number > 0 ? number : null;
}

function count(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0;
}
