// The README's list of plugins is what the catalogue says, and the catalogue knows all of upstream's.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BYSTANDERS } from "../../control-plane/config/bystanders.ts";
import { UNSUPPORTED } from "../../control-plane/config/unsupported-plugins.ts";
import { SCHEDULING_PLUGINS } from "../../control-plane/scoring/catalogue.ts";
import type { Bystander, Plugin } from "../../control-plane/scoring/plugin.ts";

const README = join(import.meta.dirname, "../../README.md");
const KNOWN: readonly Plugin[] = [...SCHEDULING_PLUGINS, ...BYSTANDERS];

/** All that llm-d-router registers at its start (cmd/epp/runner/runner.go, version 0.10). */
const UPSTREAM = `
active-request-scorer agent-identity always-disagg-multimodal-decider always-disagg-pd-decider
anthropic-parser approx-prefix-cache-producer burst-prefix-cache-producer by-label by-label-selector
concurrency-detector context-length-aware core-metrics-extractor data-parallel-profile-handler
dcgm-data-source dcgm-extractor decode-filter destination-endpoint-served-verifier
disagg-headers-handler disagg-profile-handler disaggregatedset-rollout-screener edf-ordering-policy
encode-filter endpoint-attribute-filter endpoint-attribute-scorer endpoint-notification-source
fcfs-ordering-policy file-discovery global-strict-fairness-policy header-based-testing-filter
header-label-affinity-scorer header-profile-handler inflight-load-producer k8s-notification-source
kv-cache-utilization-scorer label-selector-filter latency-scorer latency-slo-admitter
load-aware-scorer lora-affinity-scorer max-score-picker metrics-data-source
mm-embeddings-cache-producer mm-embeddings-cache-scorer models-data-extractor models-data-source
multicluster-approx-prefix-cache-producer multicluster-file-discovery
multicluster-kv-cache-utilization-scorer multicluster-metrics-data-source
multicluster-metrics-extractor multicluster-prefix-cache-scorer multicluster-queue-scorer
multicluster-session-affinity-filter no-hit-lru-scorer openai-parser p2p-source-producer
passthrough-parser pd-profile-handler precise-prefix-cache-producer precise-prefix-cache-scorer
predicted-latency-producer prefill-filter prefill-header-handler prefix-based-pd-decider
prefix-cache-affinity-filter prefix-cache-scorer priority-holdback-policy
priority-then-time-eviction-order-policy probabilistic-admitter program-aware-fairness queue-scorer
random-picker request-attribute-reporter round-robin-fairness-policy running-requests-size-scorer
session-affinity-filter session-affinity-scorer session-id-producer sglanghttp-parser
sheddable-eviction-filter single-profile-handler slo-deadline-ordering-policy
slo-headroom-tier-filter soft-reflective-ceiling-policy static-usage-limit-policy token-load-scorer
token-producer tokenizer topology-affinity-filter topology-affinity-scorer topology-extractor
utilization-detector utilization-filter vertexai-parser vllmgrpc-parser vllmhttp-parser
weighted-random-picker
`;

const HONOURED: readonly (readonly [string, readonly Plugin["role"][]])[] = [
  ["filters", ["filter", "label filter"]],
  ["scorers", ["scorer", "endpoint scorer"]],
  ["admitters", ["admitter"]],
  ["pickers", ["picker"]],
  ["profile handlers", ["profile handler"]],
  ["deciders of disaggregation", ["decider"]],
];

/** A table of plugins by what becomes of them. */
function pluginTable(): string {
  const honoured = HONOURED.map(([what, roles]) => {
    return row(what, typesOf(KNOWN.filter(({ role }) => roles.includes(role))));
  });
  const bystanders = KNOWN.filter((plugin) => plugin.role === "bystander");
  const metrics = bystanders.filter(({ isHonoured }) => isHonoured);
  const idle = bystanders.filter(({ isHonoured }) => !isHonoured);
  const refused = [...UNSUPPORTED].map(([type, reason]) => ({ type, reason }));
  return [
    "| | plugins |",
    "| --- | --- |",
    ...honoured,
    row("metrics", typesOf(metrics)),
    ...byReason(idle, ({ note }: Bystander) => note ?? "").map(([reason, plugins]) =>
      row(`accepted: ${reason}`, typesOf(plugins)),
    ),
    ...byReason(refused, ({ reason }) => reason).map(([reason, plugins]) =>
      row(`refused: ${reason}`, typesOf(plugins)),
    ),
  ].join("\n");
}

function row(what: string, types: string): string {
  return `| ${what} | ${types} |`;
}

function typesOf(plugins: readonly { type: string }[]): string {
  const types = plugins.map(({ type }) => `\`${type}\``);
  return types.sort().join(", ");
}

function byReason<T>(items: readonly T[], reasonOf: (item: T) => string): [string, T[]][] {
  return [...Map.groupBy(items, reasonOf)];
}

test("the README lists what becomes of every plugin", () => {
  const readme = readFileSync(README, "utf8");
  const [, listed] = /<!-- plugins -->\n\n(.*?)\n\n<!-- \/plugins -->/s.exec(readme) ?? [];
  expect(listed).toBe(pluginTable());
});

test("every plugin of upstream is known or refused with a reason", () => {
  const types = new Set([...KNOWN.map(({ type }) => type), ...UNSUPPORTED.keys()]);
  const upstream = UPSTREAM.trim().split(/\s+/);
  expect(upstream.filter((type) => !types.has(type))).toEqual([]);
});

test("no plugin is both known and refused", () => {
  expect(KNOWN.filter(({ type }) => UNSUPPORTED.has(type))).toEqual([]);
});
