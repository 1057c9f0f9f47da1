// How endpoints' metrics are read: where the page is, and as which engine's.
import type { Static } from "typebox";
import type { Engine } from "../engines/engine.ts";
import { mappedEngine } from "../engines/mapped-engine.ts";
import {
  type coreMetricsParameters,
  mappingsOf,
  oldMappingOf,
} from "../scoring/core-metrics-extractor.ts";
import type { metricsSourceParameters } from "../scoring/metrics-data-source.ts";
import { type DeclaredPlugin, defaultPlugin } from "./declared-plugins.ts";

export interface MetricsPages {
  /** `address` is `ip:port`. */
  urlOf(address: string, scheme: "http" | "https"): string;
  /** A mapped engine, the name of one that is built in, or null: the page shows it. */
  engineOf(labels: Readonly<Record<string, string>>): string | Engine | null;
}

const OLD_LABEL = "inference.networking.k8s.io/engine-type";
const EXTRACTORS = ["core-metrics-extractor", "model-server-protocol-metrics"];
/** Upstream's engine of endpoints without a label; here only where the operator maps it. */
const DEFAULT_ENGINE = "vllm";

export function metricsPagesOf(declared: ReadonlyMap<string, DeclaredPlugin>): MetricsPages {
  const source = parametersOf(declared, ["metrics-data-source"]);
  const { path, port } = source as Static<typeof metricsSourceParameters>;
  const metrics = parametersOf(declared, EXTRACTORS) as Static<typeof coreMetricsParameters>;
  const engines = new Map(mappingsOf(metrics).map((one) => [one.name, mappedEngine(one)]));
  const old = oldMappingOf(metrics);
  const only = old && mappedEngine(old);
  const standard = metrics.defaultEngine || (engines.has(DEFAULT_ENGINE) ? DEFAULT_ENGINE : null);
  return {
    urlOf: (address, scheme) =>
      `${scheme}://${port === 0 ? address : withPort(address, port)}${path}`,
    engineOf(labels) {
      const { engineLabelKey: key } = metrics;
      const own = Object.hasOwn(labels, key) ? labels[key] : undefined;
      const name = own || labels[OLD_LABEL] || standard;
      return (name && engines.get(name)) || only || name;
    },
  };
}

/** Of the plugin declared first, else its defaults. */
function parametersOf(declared: ReadonlyMap<string, DeclaredPlugin>, types: string[]) {
  const found = [...declared.values()].find(({ plugin }) => types.includes(plugin.type));
  return (found ?? defaultPlugin(types[0] ?? "")).parameters;
}

function withPort(address: string, port: number): string {
  return `${address.slice(0, address.lastIndexOf(":"))}:${port}`;
}
