// A scheduling configuration in force: what the filter runs and what is summed for it.
import type { StepBody } from "../scoring/plugin.ts";
import { admissionOf } from "./admission.ts";
import { declaredPlugins } from "./declared-plugins.ts";
import { ConfigurationDocument } from "./document.ts";
import { type MetricsPages, metricsPagesOf } from "./metrics.ts";
import { type Scheduling, schedulingOf } from "./scheduling.ts";
import { checkSections } from "./sections.ts";

export type { Scheduling } from "./scheduling.ts";

export interface Configuration {
  scheduling: Scheduling;
  metrics: MetricsPages;
  /** Rules by which requests of a priority below 0 are turned away. */
  admission: StepBody[];
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

/** What runs without a file: the cost in tokens, with the scorer's own defaults. */
export function defaultConfiguration(): Configuration {
  return parseConfiguration(DEFAULT, "default");
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
