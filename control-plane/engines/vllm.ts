// vLLM (https://docs.vllm.ai/en/latest/usage/metrics.html): metrics with labels model_name and
// engine, one series per data-parallel engine.

import { adaptersIn } from "./adapters.ts";
import {
  cacheInLabels,
  type Engine,
  emptyReading,
  meanShare,
  modelNames,
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
    // A hybrid model's cache is not blocks × block size: its size in tokens is taken where told.
    ...cacheInLabels(samples(families, CACHE), {
      blockTokens: "block_size",
      blocks: "num_gpu_blocks",
      tokens: "kv_cache_size_tokens",
    }),
    models: modelNames(families, families.has(WAITING) ? WAITING : RUNNING),
    adapters: adaptersIn(samples(families, ADAPTERS)),
    asleep: samples(families, SLEEP).some(
      ({ labels, value }) => value === 1 && labels["sleep_state"] !== "awake",
    ),
  }),
};
