// What a configuration says beside plugins and profiles: checked, and noted where it has no effect.
import { type DeclaredPlugin, declaredOrDefault } from "./declared-plugins.ts";
import { type ConfigurationDocument, LEGACY_API_VERSION } from "./document.ts";
import type { Path } from "./yaml-text.ts";

/** Gates of all versions, and what each is here. */
const GATES: ReadonlyMap<string, boolean> = new Map([
  ["dataLayer", true],
  ["enableLegacyMetrics", false],
  ["flowControl", false],
  ["haPopulateNonLeaderDatastore", true],
  ["prepareDataPlugins", true],
]);
/** As Go's strconv.ParseBool. */
const TRUE = ["1", "t", "true"];
const FALSE = ["0", "f", "false"];

/** Throws CONFIG_INVALID_VALUE for a gate that is unknown or cannot be opened. */
export function checkSections(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): void {
  const { file } = document;
  if (file.apiVersion === LEGACY_API_VERSION) {
    document.warn(["apiVersion"], `${LEGACY_API_VERSION} is deprecated: use llm-d.ai/v1alpha1`);
  }
  for (const [index, gate] of (file.featureGates ?? []).entries()) {
    checkGate(document, index, gate);
  }
  checkDataLayer(document, declared);
  checkFlowControl(document, declared);
  checkParsers(document, declared);
}

function checkGate(document: ConfigurationDocument, index: number, gate: string): void {
  const [name = "", text = "true"] = gate.split("=");
  const path = ["featureGates", index];
  if (!GATES.has(name)) {
    const problem = `no such gate; known: ${[...GATES.keys()].join(", ")}`;
    throw document.invalid(path, gate, problem);
  }
  const value = text.trim().toLowerCase();
  if (!TRUE.includes(value) && !FALSE.includes(value)) {
    throw document.invalid(path, gate, "a gate is true or false");
  }
  if (name === "flowControl" && TRUE.includes(value)) {
    throw document.invalid(path, gate, "flow control is not supported here; remove the gate");
  }
  if (TRUE.includes(value) !== GATES.get(name)) document.warn(path, `${name} has no effect here`);
}

function checkDataLayer(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): void {
  for (const key of ["data", "dataLayer"] as const) {
    const layer = document.file[key];
    for (const [index, { pluginRef, extractors = [] }] of (layer?.sources ?? []).entries()) {
      const path = [key, "sources", index];
      checkReference(document, declared, [...path, "pluginRef"], pluginRef);
      for (const [position, extractor] of extractors.entries()) {
        const inner = [...path, "extractors", position, "pluginRef"];
        checkReference(document, declared, inner, extractor.pluginRef);
      }
    }
    for (const part of ["discovery", "peerDiscovery"] as const) {
      const reference = layer?.[part]?.pluginRef;
      if (reference === undefined) continue;
      checkReference(document, declared, [key, part, "pluginRef"], reference);
      document.warn([key, part], `${part} has no effect: flags name the endpoints`);
    }
    if (layer?.crossReplicaSyncerPluginRef || layer?.crossReplicaSyncInterval) {
      document.warn([key], "cross-replica settings have no effect: gateways share what they know");
    }
    if (layer?.injectDefaults === false) {
      document.warn([key, "injectDefaults"], "metrics are read all the same");
    }
  }
}

function checkFlowControl(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): void {
  const { flowControl = {}, saturationDetector } = document.file;
  const { saturationDetector: inner, ...settings } = flowControl;
  if (Object.keys(settings).length > 0) {
    document.warn(["flowControl"], "flowControl has no effect: its gate is closed");
  }
  const detectors = [
    { path: ["saturationDetector"], detector: saturationDetector },
    { path: ["flowControl", "saturationDetector"], detector: inner },
  ];
  for (const { path, detector } of detectors) {
    if (!detector?.pluginRef) continue;
    checkDefaulted(document, declared, [...path, "pluginRef"], detector.pluginRef);
  }
  if (inner !== undefined && saturationDetector !== undefined) {
    document.warn(["saturationDetector"], "has no effect: the one of flowControl is in force");
  }
}

function checkParsers(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): void {
  const { requestHandler, parser } = document.file;
  for (const [index, { pluginRef }] of (requestHandler?.parsers ?? []).entries()) {
    const path = ["requestHandler", "parsers", index, "pluginRef"];
    checkDefaulted(document, declared, path, pluginRef);
  }
  if (parser !== undefined) checkDefaulted(document, declared, ["parser"], parser.pluginRef);
  if (parser !== undefined || requestHandler?.parsers?.length) {
    const path = parser === undefined ? ["requestHandler"] : ["parser"];
    document.warn(path, "parsers have no effect: every API that the gateway knows is read");
  }
}

/** Upstream adds parsers and the detector by their type where they are not declared. */
function checkDefaulted(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
  path: Path,
  reference: string,
): void {
  if (declaredOrDefault(declared, reference)) return;
  checkReference(document, declared, path, reference);
}

function checkReference(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
  path: Path,
  reference: string,
): void {
  if (declared.has(reference)) return;
  const problem = `no plugin has this name; declared: ${[...declared.keys()].join(", ")}`;
  throw document.invalid(path, reference, problem);
}
