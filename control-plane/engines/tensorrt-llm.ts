// TensorRT-LLM, served by trtllm-serve or by Triton's tensorrtllm_backend. Names as in
// llm-d-router pkg/epp/framework/plugins/datalayer/extractor/metrics/factories.go.

import type { MetricFamilies } from "./metric-families.ts";
import { type Engine, emptyReading, meanShare, positive, samples, sum } from "./reading.ts";

const WAITING = "trtllm_num_requests_waiting";
const RUNNING = "trtllm_num_requests_running";
const KV_USE = "trtllm_kv_cache_utilization";
const BLOCK_TOKENS = "trtllm_kv_cache_tokens_per_block";
const BLOCKS = "trtllm_kv_cache_max_blocks";

export const trtllmServe: Engine = {
  name: "trtllm-serve",
  metrics: [WAITING, RUNNING, KV_USE, BLOCK_TOKENS, BLOCKS],
  matches: (families) => families.has(WAITING) || families.has(RUNNING),
  read: (families) => ({
    ...emptyReading("trtllm-serve"),
    waiting: sum(families, WAITING),
    running: sum(families, RUNNING),
    kvUse: meanShare(families, KV_USE),
    ...cache(first(families, BLOCK_TOKENS), sum(families, BLOCKS)),
  }),
};

const REQUESTS = "nv_trt_llm_request_metrics";
const CACHE = "nv_trt_llm_kv_cache_block_metrics";
const CACHE_KIND = "kv_cache_block_type";

export const tritonTensorrtLlm: Engine = {
  name: "triton-tensorrt-llm",
  metrics: [REQUESTS, CACHE],
  matches: (families) => families.has(REQUESTS),
  read: (families) => ({
    ...emptyReading("triton-tensorrt-llm"),
    waiting: sum(families, REQUESTS, { request_type: "waiting" }),
    running: sum(families, REQUESTS, { request_type: "scheduled" }),
    kvUse: meanShare(families, CACHE, { [CACHE_KIND]: "fraction" }),
    ...cache(
      first(families, CACHE, { [CACHE_KIND]: "tokens_per" }),
      sum(families, CACHE, { [CACHE_KIND]: "max" }),
    ),
  }),
};

function first(families: MetricFamilies, name: string, labels = {}): number | undefined {
  return samples(families, name, labels)[0]?.value;
}

function cache(blockTokens: number | undefined, blocks: number) {
  return {
    blockTokens: positive(blockTokens),
    cacheTokens: positive((blockTokens ?? 0) * blocks),
  };
}
