// vLLM (https://docs.vllm.ai/en/latest/usage/metrics.html): metrics with labels model_name and
// engine, one series per data-parallel engine.

import type { MetricFamilies } from "./metric-families.ts";
import {
  type Engine,
  type EngineReading,
  emptyReading,
  meanShare,
  positive,
  samples,
  sum,
} from "./reading.ts";

const WAITING = "vllm:num_requests_waiting";
const RUNNING = "vllm:num_requests_running";
const KV_USE = "vllm:kv_cache_usage_perc";
/** What KV_USE was called before vLLM 0.11. */
const KV_USE_OLD = "vllm:gpu_cache_usage_perc";
const CACHE = "vllm:cache_config_info";
const ADAPTERS = "vllm:lora_requests_info";
const SLEEP = "vllm:engine_sleep_state";

export const vllm: Engine = {
  name: "vllm",
  metrics: [WAITING, RUNNING, KV_USE, KV_USE_OLD, CACHE, ADAPTERS, SLEEP],
  matches: (families) => families.has(WAITING) || families.has(RUNNING),
  read: (families) => ({
    ...emptyReading("vllm"),
    waiting: sum(families, WAITING),
    running: sum(families, RUNNING),
    kvUse: meanShare(families, families.has(KV_USE) ? KV_USE : KV_USE_OLD),
    ...cache(families),
    adapters: adapters(families),
    asleep: samples(families, SLEEP).some(
      ({ labels, value }) => value === 1 && labels["sleep_state"] !== "awake",
    ),
  }),
};

/**
 * Sizes stand in labels. A hybrid model's cache is not blocks × block size, so the size in tokens
 * is taken where it is told. Data-parallel engines each have a cache of their own.
 */
function cache(families: MetricFamilies): Pick<EngineReading, "cacheTokens" | "blockTokens"> {
  let cacheTokens = 0;
  let blockTokens: number | null = null;
  for (const { labels } of samples(families, CACHE)) {
    const block = positive(labels["block_size"]);
    const blocks = positive(labels["num_gpu_blocks"]) ?? 0;
    cacheTokens += positive(labels["kv_cache_size_tokens"]) ?? blocks * (block ?? 0);
    blockTokens ??= block;
  }
  return { cacheTokens: positive(cacheTokens), blockTokens };
}

/** Each set of adapters is a series of its own whose value is the time of the change. */
function adapters(families: MetricFamilies): EngineReading["adapters"] {
  const newest = samples(families, ADAPTERS).reduce(
    (best, sample) => (sample.value > best.value ? sample : best),
    { labels: {} as Record<string, string>, value: -1 },
  );
  return {
    active: names(newest.labels["running_lora_adapters"]),
    waiting: names(newest.labels["waiting_lora_adapters"]),
    most: positive(newest.labels["max_lora"]) ?? 0,
  };
}

function names(list = ""): string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
