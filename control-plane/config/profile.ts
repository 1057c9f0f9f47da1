// One profile: filters in their order, then scorers, then a picker.
import { PROFILE_STEPS_MAX, SCORE_MAX, WEIGHT_MAX } from "../../protocol/limits.ts";
import { FILTER_LABEL, SCORE_PUSHED } from "../../protocol/profile.ts";
import { type EngineReading, emptyReading } from "../engines/reading.ts";
import type { EndpointScorer, Parameters, StepBody } from "../scoring/plugin.ts";
import { numberWord } from "../scoring/values.ts";
import { type DeclaredPlugin, defaultPlugin } from "./declared-plugins.ts";
import type { ConfigurationDocument } from "./document.ts";
import type { Numbers } from "./numbering.ts";
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
  /**
   * Weighted sum of the scorers that depend on the endpoint alone. An endpoint without a reading
   * scores as one with zeros, as upstream does.
   */
  pushedScore(reading: EngineReading | null): number;
}

const WEIGHT = 1;
interface Chosen extends DeclaredPlugin {
  weight: number;
  path: Path;
}

/**
 * The profile at `index` of the file; undefined is the one that holds every declared plugin. Throws
 * CONFIG_INVALID_VALUE where it cannot be built.
 */
export function profileOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
  index: number | undefined,
  numbers: Numbers,
): Profile {
  const path = index === undefined ? ["plugins"] : ["schedulingProfiles", index, "plugins"];
  const chosen =
    index === undefined ? allDeclared(declared) : referenced(document, declared, index);
  if (!chosen.some(({ plugin }) => plugin.role === "picker")) {
    const picker = [...declared.values()].find(({ plugin }) => plugin.role === "picker");
    chosen.push({ ...(picker ?? defaultPlugin("max-score-picker")), weight: WEIGHT, path: [] });
  }
  const builder = new ProfileBuilder(document, path, numbers);
  for (const one of chosen) builder.add(one);
  const named = index === undefined ? undefined : document.file.schedulingProfiles?.[index];
  return builder.profile(named?.name ?? "default");
}

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
  profile: number,
): Chosen[] {
  const references = document.file.schedulingProfiles?.[profile]?.plugins ?? [];
  return references.map(({ pluginRef, weight = WEIGHT }, index) => {
    const path = ["schedulingProfiles", profile, "plugins", index];
    const found = declared.get(pluginRef);
    if (found === undefined) {
      const problem = `no plugin has this name; declared: ${[...declared.keys()].join(", ")}`;
      throw document.invalid([...path, "pluginRef"], pluginRef, problem);
    }
    if (["admitter", "bystander", "decider", "profile handler"].includes(found.plugin.role)) {
      document.warn(path, `${pluginRef} is no filter, scorer or picker: it has no effect here`);
    }
    return { ...found, weight, path };
  });
}

class ProfileBuilder {
  readonly #document: ConfigurationDocument;
  readonly #path: Path;
  readonly #numbers: Numbers;
  readonly #filters: Step[] = [];
  readonly #scorers: Step[] = [];
  readonly #pushed: PushedTerm[] = [];
  #picker: Step | undefined;

  constructor(document: ConfigurationDocument, path: Path, numbers: Numbers) {
    this.#document = document;
    this.#path = path;
    this.#numbers = numbers;
  }

  add(chosen: Chosen): void {
    const { plugin, parameters, name, weight } = chosen;
    switch (plugin.role) {
      case "label filter": {
        const number = this.#numbers.labelFilter(plugin.matches(parameters));
        this.#filters.push(this.#step(chosen, { operation: FILTER_LABEL, parameters: [number] }));
        break;
      }
      case "filter":
        this.#filters.push(this.#step(chosen, plugin.step(parameters, this.#numbers)));
        break;
      case "endpoint scorer":
        this.#step(chosen, { operation: SCORE_PUSHED, parameters: [] });
        this.#pushed.push({ name, plugin, parameters, weight });
        break;
      case "scorer": {
        const filter = plugin.filterStep?.(parameters, this.#numbers);
        if (filter !== undefined) this.#filters.push({ ...this.#step(chosen, filter), weight: 1 });
        this.#scorers.push(this.#step(chosen, plugin.step(parameters, this.#numbers)));
        break;
      }
      case "picker":
        if (this.#picker !== undefined) {
          const problem = `a profile has one picker, and has ${this.#picker.plugin} already`;
          throw this.#document.invalid(chosen.path, name, problem);
        }
        this.#picker = this.#step(chosen, plugin.step(parameters));
        break;
      case "bystander":
      case "admitter":
      case "decider":
      case "profile handler":
        break;
    }
  }

  profile(name: string): Profile {
    const pushed = this.#pushed;
    const steps = [...this.#filters, ...this.#pushedStep(), ...this.#scorers];
    if (this.#picker !== undefined) steps.push(this.#picker);
    if (steps.length > PROFILE_STEPS_MAX) {
      const problem = `exceed ${PROFILE_STEPS_MAX} steps of a profile; remove some`;
      throw this.#document.invalid(this.#path, steps.length, problem);
    }
    return {
      name,
      steps,
      pushedScore: (reading) => pushedSum(pushed, reading ?? NO_READING),
    };
  }

  /** All scorers that see the endpoint alone are one value of it. */
  #pushedStep(): Step[] {
    const pushed = this.#pushed;
    if (pushed.length === 0) return [];
    const plugin = pushed.map(({ name }) => name).join(" + ");
    const number = this.#numbers.values(({ reading }) =>
      numberWord(pushedSum(pushed, reading ?? NO_READING)),
    );
    return [{ operation: SCORE_PUSHED, weight: WEIGHT, parameters: [number], plugin }];
  }

  /** A filter's or picker's weight means nothing, and is told as 1. */
  #step({ plugin, name, weight, path }: Chosen, body: StepBody): Step {
    const excess = body.parameters.find((one) => !Number.isFinite(Math.fround(one)));
    if (excess !== undefined) {
      throw this.#document.invalid(path, excess, `a parameter of ${name} is too large`);
    }
    if (Math.abs(weight) > WEIGHT_MAX) {
      throw this.#document.invalid(path, weight, `a weight is at most ${WEIGHT_MAX}; lower it`);
    }
    const weightTold = plugin.role === "scorer" ? weight : WEIGHT;
    return { ...body, weight: weightTold, plugin: name };
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
  const sum = terms.reduce((sumSoFar, { plugin, parameters, weight }) => {
    const score = plugin.pushed(reading, parameters);
    return sumSoFar + (Number.isNaN(score) ? 0 : Math.min(Math.max(score, 0), 1) * weight);
  }, 0);
  return Math.min(SCORE_MAX, Math.max(-SCORE_MAX, sum));
}
