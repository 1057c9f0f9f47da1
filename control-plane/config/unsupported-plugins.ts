// Plugins of EndpointPickerConfig that are refused by name, because a configuration that counts on
// them would not do here what it does there.

const PULL = "caches are not pulled from a third endpoint";
const LATENCY = "there is no latency predictor; token-cost-scorer weighs waiting and prefill";
const EVENTS = "KV events are not read; use prefix-cache-scorer, which follows the gateways' picks";
const MULTICLUSTER = "the endpoints of one cluster are picked from";
const GPU_METRICS = "GPU exporters are not read; map a metric of the engine with customMetrics";
const FLOW_CONTROL = "there is no flow control";
const MULTIMODAL = "images are keys of the prompt, not apart; use prefix-cache-scorer";
const ROLLOUT = "roll-outs are not looked at: discovery tells which endpoints serve";
const FORMAT = "gRPC is not read: such requests are picked for by load";
const TEST = "it exists for tests of the original";

const REASONS: Readonly<Record<string, readonly string[]>> = {
  [PULL]: ["p2p-source-producer"],
  "name each rank as an endpoint of its own instead": ["data-parallel-profile-handler"],
  [LATENCY]: [
    "latency-scorer",
    "latency-slo-admitter",
    "predicted-latency-producer",
    "predicted-latency-scorer",
    "slo-aware-profile-handler",
    "slo-aware-routing",
    "slo-headroom-tier-filter",
  ],
  [EVENTS]: ["precise-prefix-cache-scorer", "precise-prefix-cache-producer"],
  "picks are known to every gateway at once; use prefix-cache-scorer": [
    "burst-prefix-cache-producer",
  ],
  [MULTICLUSTER]: [
    "multicluster-approx-prefix-cache-producer",
    "multicluster-file-discovery",
    "multicluster-kv-cache-utilization-scorer",
    "multicluster-metrics-data-source",
    "multicluster-metrics-extractor",
    "multicluster-prefix-cache-scorer",
    "multicluster-queue-scorer",
    "multicluster-session-affinity-filter",
  ],
  [GPU_METRICS]: ["dcgm-data-source", "dcgm-extractor"],
  [MULTIMODAL]: ["mm-embeddings-cache-producer", "mm-embeddings-cache-scorer"],
  [ROLLOUT]: ["disaggregatedset-rollout-screener"],
  [FLOW_CONTROL]: [
    "eviction-priority-then-time-ordering",
    "eviction-sheddable-filter",
    "priority-holdback-policy",
    "priority-then-time-eviction-order-policy",
    "program-aware-fairness",
    "sheddable-eviction-filter",
    "soft-reflective-ceiling-policy",
  ],
  "sessions are told by the header of session-affinity-filter or -scorer": ["session-id-producer"],
  "requests carry no agent identity": ["agent-identity"],
  "the control plane's own metrics report usage": ["request-attribute-reporter"],
  "name the file with --pool instead": ["file-discovery"],
  [FORMAT]: ["vertexai-parser", "vllmgrpc-parser"],
  [TEST]: ["destination-endpoint-served-verifier"],
};

/** Why a type is refused; undefined where no such type is known. */
export const UNSUPPORTED: ReadonlyMap<string, string> = new Map(
  Object.entries(REASONS).flatMap(([reason, types]) => types.map((type) => [type, reason])),
);
