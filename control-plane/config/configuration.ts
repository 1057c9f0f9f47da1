// A scheduling configuration in force: what the filter runs and what is summed for it.
import { DECIDE_NEVER } from "../../protocol/records.ts";
import type { StepBody } from "../scoring/plugin.ts";
import { admissionOf } from "./admission.ts";
import { declaredPlugins } from "./declared-plugins.ts";
import type { DisaggregationPlan } from "./disaggregation.ts";
import { ConfigurationDocument } from "./document.ts";
import { type MetricsPages, metricsPagesOf } from "./metrics.ts";
import { type Scheduling, schedulingOf } from "./scheduling.ts";
import { checkSections } from "./sections.ts";

export type { Scheduling } from "./scheduling.ts";

export type StagesApart = "prefill" | "encode" | "encode-prefill";

export interface Configuration {
  scheduling: Scheduling;
  metrics: MetricsPages;
  /** Rules by which requests of a priority below 0 are turned away. */
  admission: StepBody[];
  /** What runs instead in a pool that has endpoints for these stages alone. */
  disaggregated?: Record<StagesApart, Scheduling>;
  /** The file it was read from, or what stands for it. */
  source: string;
  /** What was accepted and is not honoured, each with its place. */
  warnings: string[];
}

const DEFAULT = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: token-cost-scorer
`;

// Once prefill has answered there is nothing to compute: what is not cached on the decode endpoint is
// only to be transferred, and weighs little beside what its steps read.
const DISAGGREGATED = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: token-cost-scorer
- name: transferred
  type: token-cost-scorer
  parameters: { gamma: 0.02, alpha: 0, beta: 0, rho: 0 }
- type: kv-cache-utilization-scorer
- type: transfer-time-decider
- type: always-disagg-multimodal-decider
- type: disagg-profile-handler
  parameters:
    profiles: { decode: default, prefill: default, encode: default }
    deciders: { prefill: transfer-time-decider, encode: always-disagg-multimodal-decider }
schedulingProfiles:
- name: default
  plugins: [{ pluginRef: token-cost-scorer }]
- name: transferred
  plugins: [{ pluginRef: transferred }, { pluginRef: kv-cache-utilization-scorer }]
`;

/** What runs without a file: the cost in tokens, with the scorer's own defaults. */
export function defaultConfiguration(): Configuration {
  const { scheduling } = parseConfiguration(DISAGGREGATED, "default");
  const transferred = scheduling.profiles.findIndex(({ name }) => name === "transferred");
  const differing = (change: Partial<DisaggregationPlan>): Scheduling => ({
    ...scheduling,
    disaggregation: scheduling.disaggregation && {
      ...scheduling.disaggregation,
      ...{ hasRoles: true, transferred },
      ...change,
    },
  });
  const disaggregated = {
    prefill: differing({ encoding: undefined }),
    encode: differing({ decider: DECIDE_NEVER }),
    "encode-prefill": differing({}),
  };
  return { ...parseConfiguration(DEFAULT, "default"), disaggregated };
}

/**
 * Reads an EndpointPickerConfig as upstream's loader does
 * (llm-d-router, pkg/epp/config/loader). Throws a CONFIG_ error that names line and column.
 */
export function parseConfiguration(text: string, source: string): Configuration {
  const document = new ConfigurationDocument(text, source);
  const declared = declaredPlugins(document);
  checkSections(document, declared);
  const scheduling = schedulingOf(document, declared);
  const metrics = metricsPagesOf(declared);
  const admission = admissionOf(document, declared);
  return { scheduling, metrics, admission, source, warnings: document.warnings };
}
