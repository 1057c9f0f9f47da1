// The settings file: any of Hintway's own settings, by name. What it leaves out is as the flags say.
//
//   staleMs: 5000
//   explain: true
//   models: { qwen-sql: qwen }
//   objectives: { batch: -1 }
//   endpointTls: { qwen: { insecureSkipVerify: true } }
//   modelRewrites: [{ matches: [{ model: { value: chat } }], targets: [{ modelRewrite: qwen-sql }] }]
import {
  configInvalidValue,
  configSyntax,
  configUnknownKey,
  type HintwayError,
} from "../errors.ts";
import { isPoolName } from "../named-file.ts";
import {
  isInRange,
  isPriority,
  MODES,
  type Mode,
  NUMBER_SETTINGS,
  type NumberSetting,
  type OwnSettings,
  PRIORITY_RANGE,
  rangeText,
  WORD_SETTINGS,
} from "../settings.ts";
import { endpointTlsOf } from "./endpoint-tls.ts";
import { rewriteRules } from "./rewrite-rules.ts";
import { pathText, type SchemaProblem } from "./schema-problem.ts";
import { YamlText } from "./yaml-text.ts";

interface Kind {
  /** Continues "must be". */
  expected: string;
  isRight(value: unknown): boolean;
  /** Of a mapping: what each of its values must be. */
  each?: Kind;
}

/** What is neither a number nor read with its own schema. */
type Other = Exclude<
  keyof OwnSettings,
  keyof typeof NUMBER_SETTINGS | "modelRewrites" | "endpointTls"
>;

const OTHERS: Record<Other, Kind> = {
  mode: {
    expected: `one of ${MODES.join(", ")}`,
    isRight: (value) => MODES.includes(value as Mode),
  },
  prefillFailure: oneOf(WORD_SETTINGS.prefillFailure),
  kvConnector: oneOf(WORD_SETTINGS.kvConnector),
  ecConnector: oneOf(WORD_SETTINGS.ecConnector),
  explain: { expected: "true or false", isRight: isBoolean },
  accessLog: { expected: "true or false", isRight: isBoolean },
  models: {
    expected: "a mapping of models to pools",
    isRight: isMapping,
    each: { expected: "the name of a pool", isRight: isPool },
  },
  objectives: {
    expected: "a mapping of objectives to priorities",
    isRight: isMapping,
    each: { expected: `a whole number ${PRIORITY_RANGE}`, isRight: isPriority },
  },
};

const NUMBERS = Object.entries(NUMBER_SETTINGS).map(([name, one]): [string, Kind] => [
  name,
  within(one),
]);
/** No object: every object has keys of its prototype. */
const KINDS: ReadonlyMap<string, Kind> = new Map([...NUMBERS, ...Object.entries(OTHERS)]);
/** What is read with a schema of its own. */
type Read = ReturnType<typeof rewriteRules> | ReturnType<typeof endpointTlsOf>;
const STRUCTURED = new Map<string, (given: unknown) => Read>([
  ["modelRewrites", rewriteRules],
  ["endpointTls", endpointTlsOf],
]);
const KNOWN = [...KINDS.keys(), ...STRUCTURED.keys()];

/** Throws a CONFIG_ error that names line, column, key, value and what is expected. */
export function parseSettings(text: string, source: string): Partial<OwnSettings> {
  const yaml = new YamlText(text, source, configSyntax);
  const value = yaml.value ?? {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw configSyntax(source, "the file is no mapping of settings to values");
  }
  const settings: Record<string, unknown> = { ...value };
  for (const [key, given] of Object.entries(value)) {
    const place = yaml.keyPlace([], key);
    const read = STRUCTURED.get(key)?.(given);
    if (read !== undefined) {
      if ("kind" in read) throw refusal(yaml, [key], read);
      settings[key] = read;
      continue;
    }
    const kind = KINDS.get(key);
    if (kind === undefined) throw configUnknownKey(place, key, KNOWN);
    if (!kind.isRight(given)) {
      throw configInvalidValue(place, key, given, `must be ${kind.expected}`);
    }
    if (kind.each) checkEach(yaml, key, given as object, kind.each);
  }
  return settings;
}

/** Throws for the first value of a mapping that is not right. */
function checkEach(
  yaml: YamlText,
  key: string,
  mapping: object,
  { expected, isRight }: Kind,
): void {
  for (const [name, value] of Object.entries(mapping)) {
    if (isRight(value)) continue;
    const place = yaml.keyPlace([key], name);
    throw configInvalidValue(place, `${key}.${name}`, value, `must be ${expected}`);
  }
}

/** The error for a value at `path` that does not fit. */
function refusal(yaml: YamlText, path: string[], problem: SchemaProblem): HintwayError {
  const whole = [...path, ...problem.path];
  if (problem.kind === "unknown key") {
    return configUnknownKey(yaml.keyPlace(whole, problem.key), problem.key, problem.known);
  }
  return configInvalidValue(yaml.place(whole), pathText(whole), problem.value, problem.problem);
}

function within(setting: NumberSetting): Kind {
  return {
    expected: rangeText(setting),
    isRight: (value) => typeof value === "number" && isInRange(value, setting),
  };
}

function oneOf(words: readonly string[]): Kind {
  return {
    expected: `one of ${words.join(", ")}`,
    isRight: (value) => words.some((word) => word === value),
  };
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function isPool(value: unknown): boolean {
  return typeof value === "string" && isPoolName(value);
}

function isMapping(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
