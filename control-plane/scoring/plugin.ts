// What a scheduling plugin is here. The names, parameters, defaults and scores are those of
// EndpointPickerConfig (llm-d-router, pkg/epp/framework/plugins/scheduling); a plugin that is only
// ours says so. What depends on the endpoint alone is computed here; everything else becomes a step
// that the filter runs (protocol/profile.ts).
import { type Static, type TObject, type TProperties, Type } from "typebox";
import { HEADER_NAME_BYTES_MAX } from "../../protocol/limits.ts";
import type { EngineReading } from "../engines/engine.ts";
import type { ValueOf } from "./values.ts";

/** A step without what the profile adds. */
export interface StepBody {
  operation: number;
  parameters: number[];
}

/** Gives numbers to what steps look at, one of each for all profiles. */
export interface Numbering {
  /** The number of a request's header. */
  header(name: string): number;
  /** The number of the first of these values of an endpoint; the others follow it. */
  values(...values: ValueOf[]): number;
}

/** Where among the parameters something is wrong, and what is expected there. */
interface Refusal {
  path: (string | number)[];
  problem: string;
}

/** Parameters of a plugin that is not known any closer. */
export type Parameters = Static<TObject>;

interface Described<S extends TObject> {
  /** As in the configuration's `type`. */
  type: string;
  /** Upstream's word for how far the plugin's parameters may still change. */
  stability: "beta" | "alpha";
  /** Every parameter with its default; null in the file stands for the default, as in Go. */
  parameters: S;
  /** What the schema cannot say. */
  refuse?(parameters: Static<S>): Refusal | undefined;
  /** What of these parameters is accepted and not honoured. */
  warn?(parameters: Static<S>): string[];
}

/** Scores an endpoint by its own reading: summed in the control plane, pushed as one number. */
export interface EndpointScorer<S extends TObject = TObject> extends Described<S> {
  role: "endpoint scorer";
  /** 0 to 1, for every reading. */
  pushed(reading: EngineReading, parameters: Static<S>): number;
}

/** Scores with what only the filter knows: the request, the candidates, what is in flight. */
export interface StepScorer<S extends TObject = TObject> extends Described<S> {
  role: "scorer";
  step(parameters: Static<S>, numbering: Numbering): StepBody;
  /** The step of a scorer that also filters, with these parameters. */
  filterStep?(parameters: Static<S>, numbering: Numbering): StepBody | undefined;
}

/** Keeps endpoints by their labels: decided here, one bit an endpoint. */
export interface LabelFilter<S extends TObject = TObject> extends Described<S> {
  role: "label filter";
  matches(parameters: Static<S>): LabelTest;
}

export interface StepFilter<S extends TObject = TObject> extends Described<S> {
  role: "filter";
  step(parameters: Static<S>, numbering: Numbering): StepBody;
  /** Of a saturation detector: the rule by which a whole pool is saturated. */
  rule?(parameters: Static<S>): StepBody;
}

/** Turns away requests of a priority below 0. */
export interface Admitter<S extends TObject = TObject> extends Described<S> {
  role: "admitter";
  rule(parameters: Static<S>): StepBody;
}

export interface Picker<S extends TObject = TObject> extends Described<S> {
  role: "picker";
  step(parameters: Static<S>): StepBody;
}

/** Chooses which of the profiles runs for a request. */
export interface ProfileHandler<S extends TObject = TObject> extends Described<S> {
  role: "profile handler";
  /** The header that names the profile, and the one that runs without it; undefined: there is one. */
  chooses(parameters: Static<S>): { headerName: string; defaultProfile: string } | undefined;
  /** The profiles that it runs for decode, prefill and encoding, and the deciders or their names. */
  disaggregates?(parameters: Static<S>): {
    decode: string;
    prefill: string;
    decider: string | DeciderBody | undefined;
    encode: string;
    encodeDecider: string | undefined;
  };
}

/** A decider of the wire (DECIDE_…) and its two parameters. */
export interface DeciderBody {
  decider: number;
  parameters: [number, number];
}

/** Decides whether a stage of a request, prefill or encoding, runs elsewhere. */
export interface Decider<S extends TObject = TObject> extends Described<S> {
  role: "decider";
  decides(parameters: Static<S>): DeciderBody;
}

/** Accepted in the configuration, with no part in the profile; `note` says who does its work. */
export interface Bystander<S extends TObject = TObject> extends Described<S> {
  role: "bystander";
  note?: string;
  /** Its parameters are honoured elsewhere. */
  isHonoured?: boolean;
}

export type Plugin =
  | EndpointScorer
  | StepScorer
  | LabelFilter
  | StepFilter
  | Admitter
  | Picker
  | ProfileHandler
  | Decider
  | Bystander;
export type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

/** A plugin's parameters; keys that are not named are refused. */
export function parameters<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false, default: {} });
}

/** For plugins without parameters. Upstream ignores what is given to them. */
export const NO_PARAMETERS = parameters({});

/** The name of a data producer. Here the gateway itself produces, so the name changes nothing. */
export const producerName = Type.String({ default: "" });

/** The name of a header. RFC 9110, section 5.6.2; names are compared in lower case. */
export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && name.length <= HEADER_NAME_BYTES_MAX;
}

export const HEADER_NAME_WANTED = `a header's name of at most ${HEADER_NAME_BYTES_MAX} characters`;

/** Upstream's rule for sizes and thresholds that make no sense: the default holds. */
export function positiveOr(fallback: number, value: number): number {
  return value > 0 ? value : fallback;
}

// These check a plugin against its own parameters, and then forget their type.
export const endpointScorer = <S extends TObject>(of: Omit<EndpointScorer<S>, "role">): Plugin => ({
  role: "endpoint scorer",
  ...of,
});
export const stepScorer = <S extends TObject>(of: Omit<StepScorer<S>, "role">): Plugin => ({
  role: "scorer",
  ...of,
});
export const labelFilter = <S extends TObject>(of: Omit<LabelFilter<S>, "role">): Plugin => ({
  role: "label filter",
  ...of,
});
export const stepFilter = <S extends TObject>(of: Omit<StepFilter<S>, "role">): Plugin => ({
  role: "filter",
  ...of,
});
export const admitter = <S extends TObject>(of: Omit<Admitter<S>, "role">): Plugin => ({
  role: "admitter",
  ...of,
});
export const picker = <S extends TObject>(of: Omit<Picker<S>, "role">): Plugin => ({
  role: "picker",
  ...of,
});
export const profileHandler = <S extends TObject>(of: Omit<ProfileHandler<S>, "role">): Plugin => ({
  role: "profile handler",
  ...of,
});
export const decider = <S extends TObject>(of: Omit<Decider<S>, "role">): Plugin => ({
  role: "decider",
  ...of,
});
export const bystander = <S extends TObject>(of: Omit<Bystander<S>, "role">): Plugin => ({
  role: "bystander",
  ...of,
});
