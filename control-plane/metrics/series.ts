// Every metric series of the control plane. Own ones begin with `hintway_`; those that mean the
// same as one of the upstream endpoint picker's have its name and labels too, so that dashboards
// and autoscalers go on working: `llm_d_epp_…`, and for pools the older `inference_pool_…`.
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { AccessSeries } from "./access-series.ts";
import type { EndedFigures, EndpointFigures, Figures, LegFigures, PoolFigures } from "./figures.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const TOKENS = [1, 8, 32, 128, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/** Labels of upstream's request series. */
const REQUEST = ["model_name", "target_model_name", "fairness_id", "priority"] as const;

/** As upstream's handler is labelled. */
const DISAGGREGATION_PLUGIN = "disagg-profile-handler";

export class Series {
  readonly #registry = new Registry();
  readonly access = new AccessSeries(this.#registry);

  readonly #picks = this.#counter("hintway_picks_total", "Requests that ended, by destination.", [
    "pool",
    "endpoint",
    "stage",
    "reason",
    "status",
  ]);
  readonly #refused = this.#counter(
    "hintway_refused_total",
    "Requests for which nothing was picked, by reason and by their objective's priority.",
    ["pool", "reason", "priority"],
  );
  readonly #shadow = this.#counter(
    "hintway_shadow_picks_total",
    "Picks of shadow mode, by whether Envoy's own policy chose the same endpoint.",
    ["pool", "same"],
  );
  readonly #shadowCached = this.#counter(
    "hintway_shadow_cached_tokens_total",
    "Prompt tokens believed cached in shadow mode, on the endpoint that was picked and on the one that served.",
    ["pool", "on"],
  );
  readonly #noEffect = this.#counter(
    "hintway_picks_without_effect_total",
    "Picks that Envoy could not follow: the attachment does not hold requests.",
    ["pool"],
  );
  readonly #cut = this.#counter("hintway_streams_cut_total", "Streams that began and broke off.", [
    "pool",
    "endpoint",
  ]);
  readonly #ttft = this.#seconds("hintway_ttft_seconds", "From request to first body byte.", [
    "pool",
    "endpoint",
  ]);
  readonly #duration = this.#seconds("hintway_duration_seconds", "From request to end.", [
    "pool",
    "endpoint",
  ]);
  readonly #tokens = this.#counter("hintway_tokens_total", "Tokens, as engines told.", [
    "pool",
    "kind",
  ]);
  readonly #cached = this.#counter(
    "hintway_cached_tokens_total",
    "Cached prompt tokens of the same requests, as the index believed and as engines told.",
    ["pool", "endpoint", "source"],
  );
  readonly #prefill = this.#stage("prefill", "prefill endpoints");
  readonly #encode = this.#stage("encode", "encoders");
  readonly #transferBytes = this.#counter(
    "hintway_transfer_parameters_bytes_total",
    "Bytes of transfer parameters that prefill endpoints and encoders answered.",
    ["pool"],
  );
  readonly #decisions = this.#counter(
    "llm_d_epp_disagg_decision_total",
    "Requests, by where their prompts were to be read.",
    ["plugin_name", "plugin_type", "model_name", "decision_type"],
  );
  readonly #frames = this.#counter("hintway_frames_refused_total", "Frames refused whole.", [
    "reason",
  ]);
  readonly #polls = this.#counter("hintway_polls_total", "Polls, by how they were answered.", [
    "outcome",
  ]);
  readonly #held = this.#seconds("hintway_poll_seconds", "How long polls were held.", []);
  readonly #pushes = this.#counter("hintway_pushed_bytes_total", "Bytes of hints answered.", []);
  readonly #probes = this.#counter("hintway_probe_failures_total", "Probes that failed.", [
    "pool",
    "endpoint",
  ]);
  readonly #refusals = this.#counter(
    "hintway_configuration_refusals_total",
    "Changed files that were refused; the last good one stays in force.",
    ["file"],
  );

  readonly #requests = this.#counter("llm_d_epp_request_total", "Requests.", REQUEST);
  readonly #errors = this.#counter("llm_d_epp_request_error_total", "Requests that failed.", [
    ...REQUEST,
    "error_code",
  ]);
  readonly #requestSeconds = this.#seconds(
    "llm_d_epp_request_duration_seconds",
    "From request to end.",
    REQUEST,
  );
  readonly #requestTtft = this.#seconds(
    "llm_d_epp_request_ttft_seconds",
    "From request to first body byte.",
    [...REQUEST, "streaming"],
  );
  readonly #inputTokens = this.#tokenCount("llm_d_epp_request_input_tokens", "Prompt tokens.");
  readonly #outputTokens = this.#tokenCount("llm_d_epp_request_output_tokens", "Answer tokens.");
  readonly #cachedTokens = this.#tokenCount("llm_d_epp_request_cached_tokens", "Cached tokens.");

  /** `figures` is asked once for each series of a scrape. */
  constructor(figures: () => Figures) {
    this.#ownGauges(figures);
    this.#poolGauges(figures);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All series as Prometheus text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  ended(request: EndedFigures): void {
    const { pool, endpoint, stage, reason, firstByteMs, totalMs } = request;
    this.#picks.inc({ pool, endpoint, stage, reason, status: String(request.status) });
    if (request.isRefused) this.#refused.inc({ pool, reason, priority: String(request.priority) });
    this.#countShadow(request);
    if (!request.hasEffect) this.#noEffect.inc({ pool });
    if (request.isCut) this.#cut.inc({ pool, endpoint });
    if (firstByteMs !== null) this.#ttft.observe({ pool, endpoint }, firstByteMs / 1000);
    this.#duration.observe({ pool, endpoint }, totalMs / 1000);
    this.#countTokens(request);
    this.#countDecision(request);
    this.#endedUpstream(request);
  }

  #countShadow({ pool, shadow, believedCachedTokens }: EndedFigures): void {
    if (shadow === null) return;
    this.#shadow.inc({ pool, same: String(shadow.isSame) });
    this.#shadowCached.inc({ pool, on: "picked" }, shadow.pickedCachedTokens);
    this.#shadowCached.inc({ pool, on: "served" }, believedCachedTokens);
  }

  legEnded(leg: LegFigures): void {
    const { pool, endpoint, isEncode, outcome, ms, parametersBytes } = leg;
    const stage = isEncode ? this.#encode : this.#prefill;
    stage.legs.inc({ pool, endpoint, outcome });
    stage.seconds.observe({ pool, endpoint }, ms / 1000);
    this.#transferBytes.inc({ pool }, parametersBytes);
  }

  #countDecision({ pool, model, disaggregation }: EndedFigures): void {
    if (disaggregation === undefined) return;
    const { prefill, encode } = disaggregation;
    const stages = [
      ...(encode.isElsewhere ? ["encode"] : []),
      ...(prefill.isElsewhere ? ["prefill"] : []),
    ];
    this.#decisions.inc({
      plugin_name: DISAGGREGATION_PLUGIN,
      plugin_type: DISAGGREGATION_PLUGIN,
      model_name: model,
      decision_type: stages.length > 0 ? [...stages, "decode"].join("-") : "decode-only",
    });
    if (prefill.hasFailed) this.#prefill.fallbacks.inc({ pool });
    if (encode.hasFailed) this.#encode.fallbacks.inc({ pool });
  }

  #countTokens(request: EndedFigures): void {
    const { pool, endpoint, promptTokens, completionTokens, cachedTokens } = request;
    if (promptTokens !== null) this.#tokens.inc({ pool, kind: "prompt" }, promptTokens);
    if (completionTokens !== null) this.#tokens.inc({ pool, kind: "completion" }, completionTokens);
    if (cachedTokens === null) return;
    this.#tokens.inc({ pool, kind: "cached" }, cachedTokens);
    this.#cached.inc({ pool, endpoint, source: "reported" }, cachedTokens);
    this.#cached.inc({ pool, endpoint, source: "believed" }, request.believedCachedTokens);
  }

  #endedUpstream(request: EndedFigures): void {
    const { model, status, firstByteMs, promptTokens, completionTokens, cachedTokens } = request;
    const labels = {
      model_name: model,
      target_model_name: model,
      fairness_id: "default-flow",
      priority: String(request.priority),
    };
    this.#requests.inc(labels);
    if (status >= 400 || status === 0) this.#errors.inc({ ...labels, error_code: String(status) });
    this.#requestSeconds.observe(labels, request.totalMs / 1000);
    if (firstByteMs !== null) {
      const streaming = String(request.isStreamed);
      this.#requestTtft.observe({ ...labels, streaming }, firstByteMs / 1000);
    }
    if (promptTokens !== null) this.#inputTokens.observe(labels, promptTokens);
    if (completionTokens !== null) this.#outputTokens.observe(labels, completionTokens);
    if (cachedTokens !== null) this.#cachedTokens.observe(labels, cachedTokens);
  }

  /** `outcome` is how the poll was answered. */
  polled(outcome: string, heldMs: number): void {
    this.#polls.inc({ outcome });
    this.#held.observe(heldMs / 1000);
  }

  pushed(bytes: number): void {
    this.#pushes.inc(bytes);
  }

  frameRefused(reason: string): void {
    this.#frames.inc({ reason });
  }

  probeFailed(pool: string, endpoint: string): void {
    this.#probes.inc({ pool, endpoint });
  }

  configurationRefused(file: string): void {
    this.#refusals.inc({ file });
  }

  /** Forgets the series of endpoints that are gone, so that churn does not add up. */
  async endpointsGone(gone: readonly { pool: string; endpoint: string }[]): Promise<void> {
    const places = new Set(gone.map(({ pool, endpoint }) => `${pool} ${endpoint}`));
    const ended = [this.#picks, this.#cut, this.#ttft, this.#duration, this.#cached];
    const stages = [this.#prefill, this.#encode].flatMap(({ legs, seconds }) => [legs, seconds]);
    for (const metric of [...ended, ...stages, this.#probes]) {
      const { values } = await metric.get();
      for (const { labels } of values as { labels: Record<string, string> }[]) {
        if (!places.has(`${labels["pool"]} ${labels["endpoint"]}`)) continue;
        const { le: _bucket, ...own } = labels;
        metric.remove(own as never);
      }
    }
  }

  #ownGauges(figures: () => Figures): void {
    const one = (read: (now: Figures) => number) => () => [{ labels: {}, value: read(figures()) }];
    this.#gauge(
      "hintway_gateways",
      "Gateways seen lately.",
      [],
      one((now) => now.gateways),
    );
    this.#gauge(
      "hintway_polls_held",
      "Polls that wait.",
      [],
      one((now) => now.heldPolls),
    );
    this.#gauge("hintway_mode_info", "active, shadow or off.", ["mode"], () => [
      { labels: { mode: figures().mode }, value: 1 },
    ]);
    this.#replicaGauges(figures);
    this.#gauge("hintway_generation_info", "The generation in force.", ["generation"], () => [
      { labels: { generation: figures().generation }, value: 1 },
    ]);
    const each = (read: (endpoint: EndpointFigures) => number) => () =>
      figures().pools.flatMap((pool) =>
        pool.endpoints.map((endpoint) => ({
          labels: { pool: pool.name, endpoint: endpoint.address },
          value: read(endpoint),
        })),
      );
    const labels = ["pool", "endpoint"];
    const gauge = (name: string, help: string, read: (endpoint: EndpointFigures) => number) =>
      this.#gauge(name, help, labels, each(read));
    gauge("hintway_endpoint_up", "1: may be picked.", (endpoint) => Number(endpoint.isUp));
    gauge("hintway_in_flight", "Requests in flight.", (endpoint) => endpoint.inFlight);
    gauge("hintway_index_keys", "Keys in the index.", (endpoint) => endpoint.indexKeys);
    gauge("hintway_capacity_blocks", "Blocks believed to fit the cache.", (endpoint) => {
      return endpoint.capacityBlocks;
    });
    this.#gauge("hintway_bytes_per_token", "Prompt bytes of a token, learned.", ["pool"], () =>
      figures().pools.map((pool) => ({ labels: { pool: pool.name }, value: pool.bytesPerToken })),
    );
    this.#gauge("hintway_block_bytes", "Prompt bytes of a block, which has a key.", ["pool"], () =>
      figures().pools.map((pool) => ({ labels: { pool: pool.name }, value: pool.blockBytes })),
    );
  }

  /** Empty where there is one replica. */
  #replicaGauges(figures: () => Figures): void {
    const some = (read: (now: NonNullable<Figures["replicas"]>) => number) => () => {
      const { replicas } = figures();
      return replicas === null ? [] : [{ labels: {}, value: read(replicas) }];
    };
    const gauge = (name: string, help: string, ...[read]: Parameters<typeof some>) =>
      this.#gauge(name, help, [], some(read));
    const state = "the state that replicas share";
    gauge("hintway_state_connected", `1: ${state} answers.`, (now) => Number(now.isConnected));
    gauge("hintway_replicas", "Replicas heard lately, this one too.", (now) => now.replicas);
    gauge("hintway_state_dropped", "Reports that others were not told.", (now) => now.dropped);
  }

  #poolGauges(figures: () => Figures): void {
    const each = (read: (pool: PoolFigures) => number) => () =>
      figures().pools.map((pool) => ({ labels: { name: pool.name }, value: read(pool) }));
    const twins = (
      name: string,
      twin: string,
      help: string,
      read: (pool: PoolFigures) => number,
    ) => {
      for (const both of [`llm_d_epp_${name}`, `inference_pool_${twin}`]) {
        this.#gauge(both, help, ["name"], each(read));
      }
    };
    const same = (name: string, help: string, read: (endpoint: EndpointFigures) => number) =>
      twins(name, name, help, (pool) => average(pool.endpoints.map(read)));
    same("average_kv_cache_utilization", "Mean KV cache use.", (endpoint) => endpoint.kvUse);
    same("average_queue_size", "Mean requests waiting.", (endpoint) => endpoint.waiting);
    same("average_running_requests", "Mean requests running.", (endpoint) => endpoint.running);
    twins("ready_endpoints", "ready_pods", "Endpoints that may be picked.", (pool) => {
      return pool.endpoints.filter((endpoint) => endpoint.isUp).length;
    });
    this.#queueGauge(figures, "llm_d_epp_per_endpoint_queue_size", "model_server_endpoint");
    this.#queueGauge(figures, "inference_pool_per_pod_queue_size", "model_server_pod");
    this.#gauge("llm_d_epp_prefix_indexer_size", "Keys in the index.", [], () => [
      { labels: {}, value: figures().indexKeys },
    ]);
    // Gateways tell requests in flight by endpoint, not by model.
    this.#gauge("llm_d_epp_request_running", "Requests in flight.", ["model_name"], () => {
      const endpoints = figures().pools.flatMap((pool) => pool.endpoints);
      const value = endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
      return [{ labels: { model_name: "unknown" }, value }];
    });
  }

  #queueGauge(figures: () => Figures, name: string, label: string): void {
    this.#gauge(name, "Requests waiting on the endpoint.", ["name", label], () =>
      figures().pools.flatMap((pool) =>
        pool.endpoints.map((endpoint) => ({
          labels: { name: pool.name, [label]: endpoint.address },
          value: endpoint.waiting,
        })),
      ),
    );
  }

  #gauge(name: string, help: string, labelNames: readonly string[], read: () => Sample[]): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.set(labels, value);
      },
    });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]) {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #seconds<Label extends string>(name: string, help: string, labelNames: readonly Label[]) {
    return new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [this.#registry] });
  }

  /** Of a stage that may run elsewhere. */
  #stage(name: "prefill" | "encode", endpoints: string) {
    const failed = "Requests of which this stage was to run elsewhere, and failed.";
    const place = ["pool", "endpoint"] as const;
    return {
      legs: this.#counter(`hintway_${name}_legs_total`, `Calls to ${endpoints}.`, [
        ...place,
        "outcome",
      ]),
      seconds: this.#seconds(`hintway_${name}_leg_seconds`, "How long they took.", place),
      fallbacks: this.#counter(`hintway_${name}_fallbacks_total`, failed, ["pool"]),
    };
  }

  #tokenCount(name: string, help: string) {
    const registers = [this.#registry];
    return new Histogram({ name, help, labelNames: REQUEST, buckets: TOKENS, registers });
  }
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

function average(values: number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
