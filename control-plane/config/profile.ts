// The one profile that runs: filters in their order, then scorers, then a picker.

import { PROFILE_STEPS_MAX } from "../../protocol/limits.ts";
import { FILTER_LABEL, SCORE_PUSHED } from "../../protocol/profile.ts";
import { type EngineReading, emptyReading } from "../engines/reading.ts";
import { configUnsupportedPlugin } from "../errors.ts";
import type { EndpointScorer, LabelTest, Parameters, StepBody } from "../scoring/plugin.ts";
import { type DeclaredPlugin, defaultPlugin } from "./declared-plugins.ts";
import type { ConfigurationDocument } from "./document.ts";
import type { Path } from "./yaml-text.ts";

/** One step of a profile as protocol/profile.ts lays it out. */
export interface Step {
  operation: number;
  weight: number;
  /** At most six; u32 where protocol/profile.ts says so, else f32. */
  parameters: number[];
  /** The plugin's name in the configuration, for people. */
  plugin: string;
}

export interface Profile {
  name: string;
  /** Filters in their listed order, then scorers, then one picker. */
  steps: Step[];
  /** Number i decides bit i of an endpoint's label bits. */
  labelFilters: LabelTest[];
  /**
   * Weighted sum of the scorers that depend on the endpoint alone. An endpoint without a reading
   * scores as one with zeros, as upstream does.
   */
  pushedScore(reading: EngineReading | null): number;
  /** Whether a step looks at LoRA adapters. */
  needsAdapters: boolean;
  /** The header that carries a client's session, in lower case; empty where no step asks. */
  sessionHeader: string;
}

const WEIGHT = 1;
/** They also filter, upstream, where a profile names them. */
const DETECTORS = ["utilization-detector", "concurrency-detector"];

interface Chosen extends DeclaredPlugin {
  weight: number;
  path: Path;
}

/** Throws CONFIG_INVALID_VALUE where the profile cannot be built. */
export function profileOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): Profile {
  const profiles = document.file.schedulingProfiles ?? [];
  if (profiles.length > 1) {
    const problem = "single-profile-handler runs exactly one profile; leave one";
    throw document.invalid(["schedulingProfiles", 1, "name"], profiles[1]?.name, problem);
  }
  const chosen = profiles.length === 0 ? allDeclared(declared) : referenced(document, declared);
  if (!chosen.some(({ plugin }) => plugin.role === "picker")) {
    const picker = [...declared.values()].find(({ plugin }) => plugin.role === "picker");
    chosen.push({ ...(picker ?? defaultPlugin("max-score-picker")), weight: WEIGHT, path: [] });
  }
  const builder = new ProfileBuilder(document);
  for (const one of chosen) builder.add(one);
  return builder.profile(profiles[0]?.name ?? "default");
}

/** Without profiles, one holds every filter, scorer and picker. */
function allDeclared(declared: ReadonlyMap<string, DeclaredPlugin>): Chosen[] {
  return [...declared.values()].map((one, index) => ({
    ...one,
    weight: WEIGHT,
    path: ["plugins", index],
  }));
}

function referenced(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
): Chosen[] {
  const references = document.file.schedulingProfiles?.[0]?.plugins ?? [];
  return references.map(({ pluginRef, weight = WEIGHT }, index) => {
    const path = ["schedulingProfiles", 0, "plugins", index];
    const found = declared.get(pluginRef);
    if (found === undefined) {
      const problem = `no plugin has this name; declared: ${[...declared.keys()].join(", ")}`;
      throw document.invalid([...path, "pluginRef"], pluginRef, problem);
    }
    if (DETECTORS.includes(found.plugin.type)) {
      const place = document.place([...path, "pluginRef"]);
      throw configUnsupportedPlugin(place, found.plugin.type, "it is no filter here");
    }
    if (found.plugin.role === "bystander") {
      document.warn(path, `${pluginRef} is no filter, scorer or picker: it has no effect here`);
    }
    return { ...found, weight, path };
  });
}

class ProfileBuilder {
  readonly #document: ConfigurationDocument;
  readonly #filters: Step[] = [];
  readonly #scorers: Step[] = [];
  readonly #labelFilters: LabelTest[] = [];
  readonly #pushed: PushedTerm[] = [];
  #picker: Step | undefined;
  #needsAdapters = false;
  #sessionHeader = "";

  constructor(document: ConfigurationDocument) {
    this.#document = document;
  }

  add(chosen: Chosen): void {
    const { plugin, parameters, name, weight } = chosen;
    switch (plugin.role) {
      case "label filter": {
        const body = { operation: FILTER_LABEL, parameters: [this.#labelFilters.length] };
        this.#labelFilters.push(plugin.matches(parameters));
        this.#filters.push(this.#step(chosen, body));
        break;
      }
      case "filter":
        this.#filters.push(this.#step(chosen, plugin.step(parameters)));
        break;
      case "endpoint scorer":
        this.#pushed.push({ name, plugin, parameters, weight });
        break;
      case "scorer":
        this.#scorers.push(this.#step(chosen, plugin.step(parameters)));
        this.#needsAdapters ||= plugin.needsAdapters === true;
        break;
      case "picker":
        if (this.#picker !== undefined) {
          const problem = `a profile has one picker, and has ${this.#picker.plugin} already`;
          throw this.#document.invalid(chosen.path, name, problem);
        }
        this.#picker = this.#step(chosen, plugin.step(parameters));
        break;
      case "bystander":
        break;
    }
  }

  profile(name: string): Profile {
    const pushed = this.#pushed;
    const steps = [...this.#filters, ...pushedStep(pushed), ...this.#scorers];
    if (this.#picker !== undefined) steps.push(this.#picker);
    if (steps.length > PROFILE_STEPS_MAX) {
      const problem = `exceed ${PROFILE_STEPS_MAX} steps of a profile; remove some`;
      throw this.#document.invalid(["schedulingProfiles", 0, "plugins"], steps.length, problem);
    }
    return {
      name,
      steps,
      labelFilters: this.#labelFilters,
      pushedScore: (reading) => pushedSum(pushed, reading ?? NO_READING),
      needsAdapters: this.#needsAdapters,
      sessionHeader: this.#sessionHeader,
    };
  }

  /** A filter's or picker's weight means nothing, and is told as 1. */
  #step({ plugin, name, weight, path }: Chosen, body: StepBody): Step {
    const excess = body.parameters.find((one) => !Number.isFinite(Math.fround(one)));
    if (excess !== undefined) {
      throw this.#document.invalid(path, excess, `a parameter of ${name} is too large`);
    }
    const { operation, parameters, sessionHeader } = body;
    if (sessionHeader !== undefined) this.#takeSessionHeader(sessionHeader, path);
    const weightTold = plugin.role === "scorer" ? weight : WEIGHT;
    return { operation, weight: weightTold, parameters, plugin: name };
  }

  #takeSessionHeader(header: string, path: Path): void {
    if (this.#sessionHeader !== "" && this.#sessionHeader !== header) {
      const problem = `a profile has one session header, and has ${this.#sessionHeader} already`;
      throw this.#document.invalid(path, header, problem);
    }
    this.#sessionHeader = header;
  }
}

interface PushedTerm {
  name: string;
  plugin: EndpointScorer;
  parameters: Parameters;
  weight: number;
}

const NO_READING = emptyReading("none");

/** Scores are kept between 0 and 1 before they are weighed, and the sum is not normalised. */
function pushedSum(terms: readonly PushedTerm[], reading: EngineReading): number {
  return terms.reduce((sum, { plugin, parameters, weight }) => {
    const score = plugin.pushed(reading, parameters);
    return sum + Math.min(Math.max(score, 0), 1) * weight;
  }, 0);
}

function pushedStep(terms: readonly PushedTerm[]): Step[] {
  if (terms.length === 0) return [];
  const plugin = terms.map(({ name }) => name).join(" + ");
  return [{ operation: SCORE_PUSHED, weight: 1, parameters: [], plugin }];
}
