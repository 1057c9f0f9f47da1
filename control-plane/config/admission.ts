// The rules by which a saturated pool turns away requests of a priority below 0: a saturation detector,
// as upstream has one even where none is configured, and admitters.
import type { StepBody } from "../scoring/plugin.ts";
import { type DeclaredPlugin, declaredOrDefault, defaultPlugin } from "./declared-plugins.ts";
import type { ConfigurationDocument } from "./document.ts";
import type { Path } from "./yaml-text.ts";

const DETECTOR = "utilization-detector";

/** Throws CONFIG_INVALID_VALUE where the detector that is named is none. */
export function admissionOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): StepBody[] {
  const admitters = [...declared.values()].filter(({ plugin }) => plugin.role === "admitter");
  const [admitter, other] = admitters;
  if (other !== undefined) {
    throw document.invalid(["plugins"], other.name, `${admitter?.name} admits already; remove one`);
  }
  return [detectorOf(document, declared), ...admitters].flatMap(ruleOf);
}

function ruleOf({ plugin, parameters }: DeclaredPlugin): StepBody[] {
  if (plugin.role === "admitter") return [plugin.rule(parameters)];
  return plugin.role === "filter" && plugin.rule ? [plugin.rule(parameters)] : [];
}

/** In the file `flowControl` comes first; the other place is where older versions have it. */
function detectorOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): DeclaredPlugin {
  const { flowControl, saturationDetector } = document.file;
  const inner = flowControl?.saturationDetector;
  const path = inner ? ["flowControl", "saturationDetector"] : ["saturationDetector"];
  const { pluginRef, ...thresholds } = inner ?? saturationDetector ?? {};
  if (!pluginRef) return defaultPlugin(DETECTOR, sensibleOf(thresholds));
  return named(document, declared, [...path, "pluginRef"], pluginRef);
}

/** Versions 1.2 to 1.4 take a threshold that makes no sense for one that is not given. */
function sensibleOf({ queueDepthThreshold = 0, kvCacheUtilThreshold = 0, ...others }: Thresholds) {
  return {
    ...(queueDepthThreshold > 0 && { queueDepthThreshold }),
    ...(kvCacheUtilThreshold > 0 && kvCacheUtilThreshold < 1 && { kvCacheUtilThreshold }),
    ...others,
  };
}

interface Thresholds {
  queueDepthThreshold?: number;
  kvCacheUtilThreshold?: number;
  metricsStalenessThreshold?: string;
}

/** Upstream adds a detector by its type where it is not declared. */
function named(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
  path: Path,
  reference: string,
): DeclaredPlugin {
  const found = declaredOrDefault(declared, reference);
  if (found && ruleOf(found).length > 0 && found.plugin.role === "filter") return found;
  const problem = "is no saturation detector; name a utilization-detector or concurrency-detector";
  throw document.invalid(path, reference, problem);
}
