// The settings file: any of Hintway's own settings, by name. What it leaves out is as the flags say.
//
//   staleMs: 5000
//   explain: true
//   models: { qwen-sql: qwen }
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
  NUMBER_SETTINGS,
  type NumberSetting,
  type OwnSettings,
  rangeText,
} from "../settings.ts";
import { rewriteRules } from "./rewrite-rules.ts";
import { pathText, type SchemaProblem } from "./schema-problem.ts";
import { YamlText } from "./yaml-text.ts";

const NUMBERS: Record<string, NumberSetting> = NUMBER_SETTINGS;
const KNOWN = [...Object.keys(NUMBERS), "explain", "models", "modelRewrites"];

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
    if (!KNOWN.includes(key)) throw configUnknownKey(place, key, KNOWN);
    if (key === "modelRewrites") {
      const rules = rewriteRules(given);
      if (!Array.isArray(rules)) throw refusal(yaml, [key], rules);
      settings[key] = rules;
      continue;
    }
    const expected = expectedInstead(key, given);
    if (expected !== undefined) throw configInvalidValue(place, key, given, `must be ${expected}`);
  }
  return settings;
}

/** The error for a value at `path` that does not fit. */
function refusal(yaml: YamlText, path: string[], problem: SchemaProblem): HintwayError {
  const whole = [...path, ...problem.path];
  if (problem.kind === "unknown key") {
    return configUnknownKey(yaml.keyPlace(whole, problem.key), problem.key, problem.known);
  }
  return configInvalidValue(yaml.place(whole), pathText(whole), problem.value, problem.problem);
}

/** Undefined where the value is right. */
function expectedInstead(key: string, value: unknown): string | undefined {
  const number = NUMBERS[key];
  if (key === "models") return isPoolByModel(value) ? undefined : "a mapping of models to pools";
  if (number === undefined) return typeof value === "boolean" ? undefined : "true or false";
  if (typeof value === "number" && isInRange(value, number)) return undefined;
  return rangeText(number);
}

function isPoolByModel(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((pool) => typeof pool === "string" && isPoolName(pool));
}
