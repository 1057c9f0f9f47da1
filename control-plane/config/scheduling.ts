// What the filter runs: profiles, and which of them for which request.
import { POOL_STEPS_MAX, PROFILES_MAX } from "../../protocol/limits.ts";
import type { LabelTest } from "../scoring/plugin.ts";
import type { ValueOf } from "../scoring/values.ts";
import type { DeclaredPlugin } from "./declared-plugins.ts";
import { type DisaggregationPlan, disaggregationOf } from "./disaggregation.ts";
import type { ConfigurationDocument } from "./document.ts";
import { Numbers } from "./numbering.ts";
import { type Profile, profileOf } from "./profile.ts";

export interface Scheduling {
  profiles: Profile[];
  /** Undefined: the first profile runs. */
  choice: { header: number; defaultProfile: number | undefined } | undefined;
  /** Undefined: prefill and decode of a request run on one endpoint. */
  disaggregation: DisaggregationPlan | undefined;
  /** Request headers that steps look at, in lower case, by their number. */
  headers: readonly string[];
  /** Number i decides bit i of an endpoint's label bits. */
  labelFilters: readonly LabelTest[];
  /** Values of an endpoint that steps look at, by their number. */
  values: readonly ValueOf[];
}

const PROFILES = ["schedulingProfiles"];

/** Throws CONFIG_INVALID_VALUE where the profiles cannot be built. */
export function schedulingOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): Scheduling {
  const numbers = new Numbers();
  const profiles = profilesOf(document, declared, numbers);
  const handler = handlerOf(document, declared);
  const disaggregation = disaggregationOf(document, declared, handler, profiles);
  const choice = disaggregation ? undefined : choiceOf(document, handler, profiles, numbers);
  const steps = profiles.reduce((sum, profile) => sum + profile.steps.length, 0);
  if (profiles.length > PROFILES_MAX || steps > POOL_STEPS_MAX) {
    const problem = `exceed ${PROFILES_MAX} profiles or ${POOL_STEPS_MAX} steps; remove some`;
    throw document.invalid(PROFILES, `${profiles.length} profiles, ${steps} steps`, problem);
  }
  if (numbers.excess !== undefined) {
    const names = profiles.map(({ name }) => name).join(", ");
    throw document.invalid(PROFILES, names, `the profiles ${numbers.excess}; remove some`);
  }
  const { headers, labelFilters, endpointValues: values } = numbers;
  return { profiles, choice, disaggregation, headers, labelFilters, values };
}

/** Without any named there is one, which holds every filter, scorer and picker. */
function profilesOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
  numbers: Numbers,
): Profile[] {
  const named = document.file.schedulingProfiles ?? [];
  if (named.length === 0) return [profileOf(document, declared, undefined, numbers)];
  for (const [index, { name }] of named.entries()) {
    if (named.findIndex((other) => other.name === name) === index) continue;
    throw document.invalid([...PROFILES, index, "name"], name, "another profile has this name");
  }
  return named.map((_, index) => profileOf(document, declared, index, numbers));
}

function handlerOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): DeclaredPlugin | undefined {
  const handlers = [...declared.values()].filter(({ plugin }) => plugin.role === "profile handler");
  const [handler, other] = handlers;
  if (other !== undefined) {
    throw document.invalid(["plugins"], other.name, `${handler?.name} handles profiles already`);
  }
  return handler;
}

function choiceOf(
  document: ConfigurationDocument,
  handler: DeclaredPlugin | undefined,
  profiles: readonly Profile[],
  numbers: Numbers,
): Scheduling["choice"] {
  const chosen =
    handler?.plugin.role === "profile handler"
      ? handler.plugin.chooses(handler.parameters)
      : undefined;
  if (profiles.length === 1) return undefined;
  if (chosen === undefined) {
    const problem = "single-profile-handler runs one profile; leave one, or choose by a header";
    throw document.invalid([...PROFILES, 1, "name"], profiles[1]?.name, problem);
  }
  const index = profiles.findIndex(({ name }) => name === chosen.defaultProfile);
  if (index === -1) {
    const text = `requests without the header ${chosen.headerName} get 429: no profile is named`;
    document.warn(PROFILES, `${text} ${chosen.defaultProfile}`);
  }
  const header = numbers.header(chosen.headerName);
  return { header, defaultProfile: index === -1 ? undefined : index };
}
