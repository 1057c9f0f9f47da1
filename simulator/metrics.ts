import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Transfers } from "./connectors/transfers.ts";
import type { Engine } from "./engine.ts";
import type { SchedulerTotals } from "./scheduler.ts";
import type { FinishReason, Sequence } from "./sequence.ts";

/** vLLM's own buckets, in seconds. */
const FIRST_TOKEN_BUCKETS = [
  ...[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[20, 40, 80, 160, 640, 2560],
];
const REQUEST_BUCKETS = [
  ...[0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960],
  ...[1920, 7680],
];

export interface MetricsSettings {
  modelName: string;
  blockTokens: number;
  adaptersMax: number;
  speed: number;
}

/**
 * The series of a vLLM server that routers read, with vLLM's names and labels (vllm/v1/metrics/loggers.py).
 * Gauges show what the engine published when its last step ended.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #labels: { model_name: string; engine: string };
  readonly #speed: number;
  readonly #firstToken: Histogram;
  readonly #endToEnd: Histogram;
  readonly #success: Counter;

  constructor(engine: Engine, transfers: Transfers, settings: MetricsSettings) {
    this.#labels = { model_name: settings.modelName, engine: "0" };
    this.#speed = settings.speed;
    this.#loadGauges(engine, transfers);
    this.#transfers(engine.scheduler.totals, transfers);
    this.#counters(engine.scheduler.totals);
    this.#cacheConfig(settings.blockTokens, engine.scheduler.cache.blockCount);
    this.#adapters(engine, settings.adaptersMax);
    this.#firstToken = this.#histogram("time_to_first_token_seconds", FIRST_TOKEN_BUCKETS);
    this.#endToEnd = this.#histogram("e2e_request_latency_seconds", REQUEST_BUCKETS);
    this.#success = new Counter({
      name: "vllm:request_success_total",
      help: "Count of successfully processed requests.",
      labelNames: ["model_name", "engine", "finished_reason"],
      registers: [this.registry],
    });
    for (const reason of ["stop", "length", "abort"]) this.#countEnd(reason, 0);
  }

  /** Books a sequence that has ended. */
  ended(sequence: Sequence, reason: FinishReason): void {
    this.#countEnd(reason, 1);
    if (sequence.firstTokenAtMs === 0) return;
    const { arrivedAtMs } = sequence;
    this.#firstToken.observe(this.#labels, this.#seconds(sequence.firstTokenAtMs - arrivedAtMs));
    this.#endToEnd.observe(this.#labels, this.#seconds(sequence.endedAtMs - arrivedAtMs));
  }

  #seconds(simulatedMs: number): number {
    return simulatedMs / 1000 / this.#speed;
  }

  #countEnd(reason: string, count: number): void {
    this.#success.inc({ ...this.#labels, finished_reason: reason }, count);
  }

  /** vLLM's series of what came from elsewhere, and the simulator's own of what was wrong with it. */
  #transfers(totals: SchedulerTotals, transfers: Transfers): void {
    this.#counter("external_prefix_cache_hits_total", "Tokens that a KV connector brought.", () => {
      return totals.transferred;
    });
    const counts = ["prefill", "decode", "encode", "failed"] as const;
    const labels = this.#labels;
    new Counter({
      name: "sim:kv_transfers_total",
      help: "Legs of disaggregated requests; failed are those with a field that is wrong.",
      labelNames: [...Object.keys(labels), "leg"],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const leg of counts) this.inc({ ...labels, leg }, transfers.counts[leg]);
      },
    });
    this.#gauge("sim:kv_held_prompts", "Prompts kept for a decode server.", () => transfers.held);
  }

  #loadGauges(engine: Engine, transfers: Transfers): void {
    const { cache } = engine.scheduler;
    this.#gauge("num_requests_running", "Requests in model execution batches.", () => {
      return engine.published().running;
    });
    this.#gauge("num_requests_waiting", "Requests waiting to be processed.", () => {
      return engine.published().waiting + transfers.arriving;
    });
    this.#gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", () => {
      return engine.published().usedBlocks / cache.blockCount;
    });
    const labels = this.#labels;
    new Gauge({
      name: "vllm:engine_sleep_state",
      help: "Engine sleep state; 1 for the state the engine is in.",
      labelNames: ["model_name", "engine", "sleep_state"],
      registers: [this.registry],
      collect() {
        this.set({ ...labels, sleep_state: "awake" }, engine.isAsleep ? 0 : 1);
        this.set({ ...labels, sleep_state: "weights_offloaded" }, engine.isAsleep ? 1 : 0);
      },
    });
  }

  #counters(totals: SchedulerTotals): void {
    this.#counter("prefix_cache_queries_total", "Prefix cache queries, in tokens.", () => {
      return totals.prefixQueries;
    });
    this.#counter("prefix_cache_hits_total", "Prefix cache hits, in tokens.", () => {
      return totals.prefixHits;
    });
    this.#counter("prompt_tokens_total", "Number of prefill tokens processed.", () => {
      return totals.promptTokens;
    });
    this.#counter("generation_tokens_total", "Number of generation tokens processed.", () => {
      return totals.generationTokens;
    });
    this.#counter("num_preemptions_total", "Cumulative number of preemptions.", () => {
      return totals.preemptions;
    });
  }

  #cacheConfig(blockTokens: number, blockCount: number): void {
    const labels = {
      engine: "0",
      block_size: String(blockTokens),
      num_gpu_blocks: String(blockCount),
      kv_cache_size_tokens: String(blockTokens * blockCount),
      cache_dtype: "auto",
      enable_prefix_caching: "True",
      gpu_memory_utilization: "0.9",
    };
    new Gauge({
      name: "vllm:cache_config_info",
      help: "Information of the LLMEngine CacheConfig",
      labelNames: Object.keys(labels),
      registers: [this.registry],
    }).set(labels, 1);
  }

  /** The value is a time stamp; a reader takes the newest of several. */
  #adapters(engine: Engine, adaptersMax: number): void {
    const { scheduler } = engine;
    new Gauge({
      name: "vllm:lora_requests_info",
      help: "Running stats on lora requests.",
      labelNames: ["max_lora", "waiting_lora_adapters", "running_lora_adapters"],
      registers: [this.registry],
      collect() {
        this.reset();
        const labels = {
          max_lora: adaptersMax,
          waiting_lora_adapters: adapterNames(scheduler.waiting),
          running_lora_adapters: adapterNames(scheduler.running),
        };
        this.set(labels, Date.now() / 1000);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const labels = this.#labels;
    new Gauge({
      name: name.includes(":") ? name : `vllm:${name}`,
      help,
      labelNames: Object.keys(labels),
      registers: [this.registry],
      collect() {
        this.set(labels, read());
      },
    });
  }

  /** A counter whose total somebody else keeps. */
  #counter(name: string, help: string, read: () => number): void {
    const labels = this.#labels;
    new Counter({
      name: `vllm:${name}`,
      help,
      labelNames: Object.keys(labels),
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(labels, read());
      },
    });
  }

  #histogram(name: string, buckets: number[]): Histogram {
    return new Histogram({
      name: `vllm:${name}`,
      help: `Histogram of ${name.replaceAll("_", " ")}.`,
      labelNames: Object.keys(this.#labels),
      buckets,
      registers: [this.registry],
    });
  }
}

function adapterNames(sequences: readonly Sequence[]): string {
  const names = sequences.map((sequence) => sequence.work.adapter);
  return [...new Set(names)].filter((name) => name !== undefined).join(",");
}
