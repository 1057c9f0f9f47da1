// The configuration file as it may be written: every version of EndpointPickerConfig's schema, from
// Gateway API Inference Extension 1.0 (inference.networking.x-k8s.io/v1alpha1) to llm-d.ai/v1alpha1.
// Both groups use the name v1alpha1 for all of them, so keys of all versions are accepted together.
import { type Static, type TProperties, Type } from "typebox";
import { configInvalidValue, configSyntax, configUnknownKey } from "../errors.ts";
import { pathText, schemaProblem } from "./schema-problem.ts";
import { type Path, YamlText } from "./yaml-text.ts";

export const LEGACY_API_VERSION = "inference.networking.x-k8s.io/v1alpha1";
const API_VERSION = "llm-d.ai/v1alpha1";

const Reference = object({ pluginRef: Type.String({ minLength: 1 }) });
/** A Kubernetes quantity: `5000`, `1G`. */
const Quantity = Type.Union([Type.String({ pattern: "^[0-9]" }), Type.Integer({ minimum: 0 })]);
/** Go's spelling: `60s`, `1m30s`. */
const Duration = Type.String({ pattern: "^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$" });

const DataLayer = object({
  injectDefaults: Type.Optional(Type.Boolean()),
  sources: optionalArray(
    object({
      pluginRef: Type.String({ minLength: 1 }),
      extractors: optionalArray(Reference),
    }),
  ),
  discovery: Type.Optional(Reference),
  peerDiscovery: Type.Optional(Reference),
  crossReplicaSyncerPluginRef: Type.Optional(Type.String()),
  crossReplicaSyncInterval: Type.Optional(Duration),
});

/** Versions 1.2 to 1.4 state thresholds here; later ones name a plugin. */
const SaturationDetector = object({
  pluginRef: Type.Optional(Type.String()),
  queueDepthThreshold: Type.Optional(Type.Integer()),
  kvCacheUtilThreshold: Type.Optional(Type.Number()),
  metricsStalenessThreshold: Type.Optional(Duration),
});

const PriorityBand = object({
  priority: Type.Optional(Type.Integer()),
  maxBytes: Type.Optional(Quantity),
  maxRequests: Type.Optional(Quantity),
  fairnessPolicyRef: Type.Optional(Type.String()),
  orderingPolicyRef: Type.Optional(Type.String()),
});

const FlowControl = object({
  maxBytes: Type.Optional(Quantity),
  maxRequests: Type.Optional(Quantity),
  defaultRequestTTL: Type.Optional(Duration),
  noEndpointRequestTTL: Type.Optional(Duration),
  defaultPriorityBand: Type.Optional(PriorityBand),
  defaultNegativePriorityBand: Type.Optional(PriorityBand),
  priorityBands: optionalArray(PriorityBand),
  usageLimitPolicyPluginRef: Type.Optional(Type.String()),
  saturationDetector: Type.Optional(SaturationDetector),
  enableEviction: Type.Optional(Type.Boolean()),
});

const SchedulingProfile = object({
  name: Type.String({ minLength: 1 }),
  plugins: optionalArray(
    object({
      pluginRef: Type.String({ minLength: 1 }),
      // A weight travels as a 32-bit float.
      weight: Type.Optional(Type.Number({ minimum: -1e9, maximum: 1e9 })),
    }),
  ),
});

const EndpointPickerConfig = object({
  apiVersion: Type.Enum([API_VERSION, LEGACY_API_VERSION]),
  kind: Type.Literal("EndpointPickerConfig"),
  featureGates: optionalArray(Type.String()),
  plugins: optionalArray(
    object({
      name: Type.Optional(Type.String()),
      type: Type.String({ minLength: 1 }),
      parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
  ),
  schedulingProfiles: optionalArray(SchedulingProfile),
  dataLayer: Type.Optional(DataLayer),
  /** What `dataLayer` was called in versions 1.3 and 1.4. */
  data: Type.Optional(DataLayer),
  flowControl: Type.Optional(FlowControl),
  requestHandler: Type.Optional(object({ parsers: optionalArray(Reference) })),
  saturationDetector: Type.Optional(SaturationDetector),
  parser: Type.Optional(Reference),
});

export type ConfigurationFile = Static<typeof EndpointPickerConfig>;

/** A file that fits the schema, and what is noted while it is read. */
export class ConfigurationDocument {
  readonly file: ConfigurationFile;
  readonly warnings: string[] = [];
  readonly #yaml: YamlText;

  /** Throws CONFIG_SYNTAX, CONFIG_UNKNOWN_KEY or CONFIG_INVALID_VALUE. */
  constructor(text: string, source: string) {
    this.#yaml = new YamlText(text, source, configSyntax);
    const value = withoutNulls(this.#yaml.value);
    if (value === null) throw configSyntax(source, "the file is empty");
    const problem = schemaProblem(EndpointPickerConfig, value);
    if (problem !== undefined) throw this.refusal([], problem);
    this.file = value as ConfigurationFile;
  }

  place(path: Path): string {
    return this.#yaml.place(path);
  }

  warn(path: Path, text: string): void {
    this.warnings.push(`${this.place(path)}: ${text}`);
  }

  invalid(path: Path, value: unknown, problem: string) {
    return configInvalidValue(this.place(path), pathText(path), value, problem);
  }

  /** The error for data at `path` that does not fit its schema. */
  refusal(path: Path, problem: NonNullable<ReturnType<typeof schemaProblem>>) {
    const whole = [...path, ...problem.path];
    if (problem.kind === "unknown key") {
      return configUnknownKey(this.#yaml.keyPlace(whole, problem.key), problem.key, problem.known);
    }
    const field = pathText(whole) || "the file";
    return configInvalidValue(this.place(whole), field, problem.value, problem.problem);
  }
}

/** As in Go, a null is a value that is not given. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const given = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(given.map(([key, inner]) => [key, withoutNulls(inner)]));
}

function object<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

function optionalArray<S extends Parameters<typeof Type.Array>[0]>(items: S) {
  return Type.Optional(Type.Array(items));
}
