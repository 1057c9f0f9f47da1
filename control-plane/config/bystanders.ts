// Plugins that a configuration may name and that have no part in a profile here: what they do is
// built in, or belongs to flow control, which is off. Their parameters are checked all the same.
import { Type } from "typebox";
import {
  coreMetricsExtractor,
  modelServerProtocolMetrics,
} from "../scoring/core-metrics-extractor.ts";
import { metricsDataSource } from "../scoring/metrics-data-source.ts";
import { bystander, NO_PARAMETERS, type Plugin, parameters } from "../scoring/plugin.ts";

const text = Type.Optional(Type.String());
const integer = Type.Optional(Type.Integer());
const number = Type.Optional(Type.Number());
const flag = Type.Optional(Type.Boolean());

const INDEX = "the index has its own blocks, and the capacity that endpoints tell";
const BYTES = "prompts are measured in bytes, without a tokenizer";
const COUNTED = "requests in flight are counted by the gateways";
const FLOW_CONTROL = "flow control is off";
const PEERS = "prefill and decode are paired by the label llm-d.ai/topology, where it is there";
const NO_SIDECAR = "the gateway itself takes requests from prefill to decode, and tells no sidecar";
const minAffinity = Type.Optional(Type.Enum(["host", "rack", "zone", "region"]));
const APIS = "every API that the gateway knows is read";

const scrape = {
  scheme: text,
  path: text,
  insecureSkipVerify: flag,
  caCertPath: text,
  clientCertPath: text,
  clientKeyPath: text,
  interval: text,
};
const tokenProducer = parameters({
  modelName: text,
  vllm: Type.Optional(parameters({ url: text, timeout: text, mmTimeout: text })),
  estimate: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  udsTokenizerConfig: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
const notification = parameters({ group: text, version: text, kind: text });

export const BYSTANDERS: readonly Plugin[] = [
  coreMetricsExtractor,
  modelServerProtocolMetrics,
  metricsDataSource,
  aside("models-data-source", "each server's list of models is read", parameters(scrape)),
  aside("models-data-extractor", "each server's list of models is read"),
  aside(
    "topology-extractor",
    PEERS,
    parameters({ hostname: text, rack: text, zone: text, region: text }),
  ),
  aside("topology-affinity-filter", PEERS, parameters({ minAffinity, topologyProducerName: text })),
  aside("topology-affinity-scorer", PEERS, parameters({ topologyProducerName: text })),
  aside(
    "disagg-headers-handler",
    NO_SIDECAR,
    parameters({ prefillProfile: text, encodeProfile: text }),
  ),
  aside("prefill-header-handler", NO_SIDECAR, parameters({ prefillProfile: text })),
  aside("endpoint-notification-source", "discovery tells of endpoints"),
  aside("k8s-notification-source", "discovery tells of endpoints", notification),

  aside("openai-parser", APIS),
  aside("anthropic-parser", APIS),
  aside("vllmhttp-parser", APIS),
  aside("sglanghttp-parser", APIS),
  aside("passthrough-parser", APIS),

  aside("token-producer", BYTES, tokenProducer),
  aside("tokenizer", BYTES, tokenProducer),
  aside(
    "approx-prefix-cache-producer",
    INDEX,
    parameters({
      autoTune: flag,
      blockSizeTokens: integer,
      blockSize: integer,
      maxPrefixBlocksToMatch: integer,
      maxPrefixTokensToMatch: integer,
      lruCapacityPerServer: integer,
    }),
  ),
  aside(
    "inflight-load-producer",
    COUNTED,
    parameters({
      addEstimatedOutputTokens: flag,
      outputRatio: number,
      maxEstimatedOutputTokens: integer,
      prefixMatchInfoProducerName: text,
      syncCrossReplicaState: flag,
    }),
  ),

  aside("fcfs-ordering-policy", FLOW_CONTROL),
  aside("edf-ordering-policy", FLOW_CONTROL),
  aside("slo-deadline-ordering-policy", FLOW_CONTROL),
  aside("global-strict-fairness-policy", FLOW_CONTROL),
  aside("round-robin-fairness-policy", FLOW_CONTROL),
  aside("static-usage-limit-policy", FLOW_CONTROL, parameters({ threshold: number })),
];

function aside(type: string, note: string, schema = NO_PARAMETERS): Plugin {
  return bystander({ type, stability: "beta", parameters: schema, note });
}
