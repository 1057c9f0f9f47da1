import { describe, expect, test } from "vitest";
import { type EngineReading, readPage } from "../../../control-plane/engines/engine.ts";

function reading(page: string): EngineReading {
  return readPage(page, null);
}

const NO_ADAPTERS = { active: [], waiting: [], most: 0 };

describe("vLLM", () => {
  const page = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="qwen"} 3.0
vllm:num_requests_running{engine="1",model_name="qwen"} 4.0
vllm:num_requests_waiting{engine="0",model_name="qwen"} 1.0
vllm:num_requests_waiting{engine="1",model_name="qwen"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="qwen",reason="capacity"} 90.0
vllm:kv_cache_usage_perc{engine="0",model_name="qwen"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="qwen"} 0.75
vllm:engine_sleep_state{engine="0",sleep_state="awake"} 1.0
vllm:engine_sleep_state{engine="0",sleep_state="discard_all"} 0.0
vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="1000",engine="0"} 1.0
vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="1000",engine="1"} 1.0
`;

  test("sums its engines' requests and caches, and averages their use", () => {
    expect(reading(page)).toEqual({
      engine: "vllm",
      waiting: 3,
      running: 7,
      kvUse: 0.5,
      cacheTokens: 32_000,
      blockTokens: 16,
      models: ["qwen"],
      adapters: NO_ADAPTERS,
      attributes: {},
      asleep: false,
    });
  });

  test("tells its cache in tokens where it can, which is right for hybrid models too", () => {
    const info =
      'vllm:cache_config_info{block_size="16",kv_cache_size_tokens="500",num_gpu_blocks="9"} 1';
    const { cacheTokens } = reading(`vllm:num_requests_running 0\n${info}\n`);
    expect(cacheTokens).toBe(500);
  });

  test("before its cache is sized tells no size", () => {
    const info = 'vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1';
    const { cacheTokens, blockTokens } = reading(`vllm:num_requests_running 0\n${info}\n`);
    expect([cacheTokens, blockTokens]).toEqual([null, 16]);
  });

  test("of old versions calls the cache's use by another name", () => {
    const old = "vllm:num_requests_running 1\nvllm:gpu_cache_usage_perc 0.5\n";
    expect(reading(old).kvUse).toBe(0.5);
  });

  test("tells its adapters by the newest series", () => {
    const info = (running: string, waiting: string, at: string) =>
      `vllm:lora_requests_info{max_lora="4",running_lora_adapters="${running}",waiting_lora_adapters="${waiting}"} ${at}\n`;
    const adapters =
      info("sql", "", "1.7e9") + info("sql, poem", "tale", "1.8e9") + info("", "", "1.6e9");
    expect(reading(`vllm:num_requests_running 1\n${adapters}`).adapters).toEqual({
      active: ["sql", "poem"],
      waiting: ["tale"],
      most: 4,
    });
  });

  test("sleeps when its state is any but awake", () => {
    const asleep = page
      .replace('"awake"} 1.0', '"awake"} 0.0')
      .replace('"discard_all"} 0.0', '"discard_all"} 1.0');
    expect(reading(asleep).asleep).toBe(true);
  });
});

test("SGLang is read, pages of all ranks summed", () => {
  const page = `sglang:num_running_reqs{model_name="m",dp_rank="0"} 2
sglang:num_queue_reqs{model_name="m"} 5
sglang:token_usage{model_name="m"} 0.5
sglang:cache_config_info{page_size="64",num_pages="10",dp_rank="0"} 1
sglang:cache_config_info{page_size="64",num_pages="10",dp_rank="1"} 1
`;
  expect(reading(page)).toEqual({
    engine: "sglang",
    waiting: 5,
    running: 2,
    kvUse: 0.5,
    cacheTokens: 1280,
    blockTokens: 64,
    models: ["m"],
    adapters: NO_ADAPTERS,
    attributes: {},
    asleep: false,
  });
});

test("trtllm-serve is read", () => {
  const page = `trtllm_num_requests_waiting 1
trtllm_num_requests_running 2
trtllm_kv_cache_utilization 0.5
trtllm_kv_cache_tokens_per_block 32
trtllm_kv_cache_max_blocks 100
`;
  expect(reading(page)).toMatchObject({
    engine: "trtllm-serve",
    waiting: 1,
    running: 2,
    kvUse: 0.5,
    cacheTokens: 3200,
    blockTokens: 32,
  });
});

test("Triton with TensorRT-LLM is read by its own metrics, not Triton's", () => {
  const page = `nv_inference_pending_request_count{model="ensemble"} 99
nv_trt_llm_request_metrics{model="m",request_type="waiting"} 1
nv_trt_llm_request_metrics{model="m",request_type="scheduled"} 2
nv_trt_llm_request_metrics{model="m",request_type="max"} 512
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="m"} 0.4
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="m"} 64
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="m"} 10
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="m"} 4
`;
  expect(reading(page)).toMatchObject({
    engine: "triton-tensorrt-llm",
    waiting: 1,
    running: 2,
    kvUse: 0.4,
    cacheTokens: 640,
    blockTokens: 64,
  });
});

test("Triton with another backend tells its queue", () => {
  expect(reading('nv_inference_pending_request_count{model="m"} 7\n')).toMatchObject({
    engine: "triton",
    waiting: 7,
  });
});

test("llama.cpp's server is read, with and without the cache's use", () => {
  const page = "llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n";
  expect(reading(page)).toMatchObject({ engine: "llama-cpp", waiting: 2, running: 1, kvUse: 0 });
  expect(reading(`${page}llamacpp:kv_cache_usage_ratio 0.5\n`).kvUse).toBe(0.5);
});

test("a page that no engine knows is a server whose load is not told", () => {
  expect(reading("process_cpu_seconds_total 7\n")).toEqual({
    engine: "generic",
    waiting: 0,
    running: 0,
    kvUse: 0,
    cacheTokens: null,
    blockTokens: null,
    models: [],
    adapters: NO_ADAPTERS,
    attributes: {},
    asleep: false,
  });
});

test("numbers that are none or absurd read as nothing or the bound", () => {
  const page = `vllm:num_requests_running NaN
vllm:num_requests_waiting -3
vllm:kv_cache_usage_perc +Inf
`;
  expect(reading(page)).toMatchObject({ waiting: 0, running: 0, kvUse: 0 });
  expect(reading("vllm:num_requests_running 1\nvllm:kv_cache_usage_perc 7\n").kvUse).toBe(1);
});

test("a label decides where a page is several engines', and a wrong one decides nothing", () => {
  const page = "vllm:num_requests_running 1\nsglang:num_running_reqs 2\n";
  const asked = ["sglang", "vllm", "triton-tensorrt-llm", "toString", null];
  expect(asked.map((name) => readPage(page, name).running)).toEqual([2, 1, 1, 1, 1]);
});
