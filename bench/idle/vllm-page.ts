// A metrics page as large as a vLLM server's. A router reads the few series that the simulator tells
// too; the rest is histograms, which a probe has to carry and to pass over.
// Names as in vLLM's vllm/v1/metrics/loggers.py and in its web server's instrumentation.

const MODEL = "meta-llama/Llama-3.1-8B-Instruct";
const ENGINE = `engine="0",model_name="${MODEL}"`;

const SECONDS = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960];
const SMALL_SECONDS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, ...SECONDS];
const TOKENS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];

const HISTOGRAMS: readonly (readonly [name: string, labels: string, bounds: readonly number[]])[] =
  [
    ["vllm:request_prompt_tokens", ENGINE, TOKENS],
    ["vllm:request_generation_tokens", ENGINE, TOKENS],
    ["vllm:iteration_tokens_total", ENGINE, TOKENS],
    ["vllm:request_max_num_generation_tokens", ENGINE, TOKENS],
    ["vllm:request_params_n", ENGINE, [1, 2, 5, 10, 20]],
    ["vllm:request_params_max_tokens", ENGINE, TOKENS],
    ["vllm:request_prefill_kv_computed_tokens", ENGINE, TOKENS],
    ["vllm:time_to_first_token_seconds", ENGINE, SMALL_SECONDS],
    ["vllm:inter_token_latency_seconds", ENGINE, SMALL_SECONDS],
    ["vllm:time_per_output_token_seconds", ENGINE, SMALL_SECONDS],
    ["vllm:request_time_per_output_token_seconds", ENGINE, SMALL_SECONDS],
    ["vllm:e2e_request_latency_seconds", ENGINE, SECONDS],
    ["vllm:request_queue_time_seconds", ENGINE, SECONDS],
    ["vllm:request_inference_time_seconds", ENGINE, SECONDS],
    ["vllm:request_prefill_time_seconds", ENGINE, SECONDS],
    ["vllm:request_decode_time_seconds", ENGINE, SECONDS],
    ["http_request_duration_highr_seconds", "", SMALL_SECONDS],
    ...["/v1/chat/completions", "/v1/completions", "/v1/models", "/health"].map((path) => {
      return ["http_request_duration_seconds", `handler="${path}",method="POST"`, SECONDS] as const;
    }),
  ];

/** The page of a server with some requests behind it, none in flight. */
export function vllmPage(): string {
  return `${[LOADS, ...HISTOGRAMS.map(histogram)].join("\n")}\n`;
}

const LOADS = [
  gauge("vllm:num_requests_running", ENGINE, 0),
  gauge("vllm:num_requests_waiting", ENGINE, 0),
  gauge("vllm:kv_cache_usage_perc", ENGINE, 0.25),
  gauge("vllm:engine_sleep_state", `${ENGINE},sleep_state="awake"`, 1),
  gauge(
    "vllm:cache_config_info",
    `block_size="16",cache_dtype="auto",enable_prefix_caching="True",engine="0",` +
      `gpu_memory_utilization="0.9",num_cpu_blocks="None",num_gpu_blocks="27000"`,
    1,
  ),
  gauge(
    "vllm:lora_requests_info",
    `max_lora="4",running_lora_adapters="sql,chat",waiting_lora_adapters=""`,
    1,
  ),
].join("\n");

function gauge(name: string, labels: string, value: number): string {
  return `# HELP ${name} As vLLM tells it.\n# TYPE ${name} gauge\n${name}{${labels}} ${value}`;
}

function histogram([name, labels, bounds]: (typeof HISTOGRAMS)[number]): string {
  const own = labels === "" ? "" : `${labels},`;
  const buckets = [...bounds, "+Inf"].map((bound, at) => {
    return `${name}_bucket{${own}le="${bound}"} ${1000 + 37 * at}.0`;
  });
  return [
    `# HELP ${name} As vLLM tells it.`,
    `# TYPE ${name} histogram`,
    ...buckets,
    `${name}_count{${labels}} 1900.0`,
    `${name}_sum{${labels}} 51234.56789`,
  ].join("\n");
}
