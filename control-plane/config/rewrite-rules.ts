// Rules of InferenceModelRewrite, also as the settings file has them under `modelRewrites`. Fields are
// those of `inference.networking.x-k8s.io/v1alpha2` and `llm-d.ai/v1alpha2`.
//
//   - matches: [{ model: { value: chat } }]
//     targets: [{ modelRewrite: qwen-v1, weight: 90 }, { modelRewrite: qwen-v2, weight: 10 }]
import { type Static, type TProperties, Type } from "typebox";
import {
  REWRITE_NAME_BYTES_MAX,
  REWRITE_RULES_MAX,
  REWRITE_WEIGHT_MAX,
} from "../../protocol/limits.ts";
import { isPoolName } from "../named-file.ts";
import type { RewriteRule } from "../pool/rewrites.ts";
import { type SchemaProblem, schemaProblem } from "./schema-problem.ts";

const Rule = object({
  matches: Type.Optional(
    Type.Array(
      object({
        model: object({
          type: Type.Optional(Type.Enum(["Exact"])),
          value: Type.String({ minLength: 1 }),
        }),
      }),
    ),
  ),
  targets: Type.Array(
    object({
      modelRewrite: Type.String({ minLength: 1 }),
      weight: Type.Optional(Type.Integer({ minimum: 1, maximum: REWRITE_WEIGHT_MAX })),
    }),
    { minItems: 1 },
  ),
  /** Not upstream's: the pool whose requests the rule is for, else all. */
  pool: Type.Optional(Type.String()),
});
const Rules = Type.Array(Rule, { maxItems: REWRITE_RULES_MAX });

/** The rules, or what is wrong with the first wrong one. */
export function rewriteRules(value: unknown): RewriteRule[] | SchemaProblem {
  const problem = schemaProblem(Rules, value);
  if (problem !== undefined) return problem;
  const rules = value as Static<typeof Rules>;
  for (const [index, rule] of rules.entries()) {
    const wrong = problemOf(rule);
    if (wrong !== undefined) return { ...wrong, path: [index, ...wrong.path] };
  }
  return rules.map(({ matches = [], targets, pool = null }) => ({
    models: [...new Set(matches.map(({ model }) => model.value))],
    pool,
    targets: targets.map(({ modelRewrite: model, weight = 1 }) => ({ model, weight })),
  }));
}

type InvalidValue = Extract<SchemaProblem, { kind: "invalid value" }>;

/** What a schema cannot say. */
function problemOf({ targets, pool }: Static<typeof Rule>): InvalidValue | undefined {
  if (pool !== undefined && !isPoolName(pool)) {
    return invalid(["pool"], pool, "must be the name of a pool");
  }
  const isWeighed = targets.some(({ weight }) => weight !== undefined);
  for (const [index, { modelRewrite: model, weight }] of targets.entries()) {
    const path = ["targets", index];
    if (Buffer.byteLength(JSON.stringify(model)) > REWRITE_NAME_BYTES_MAX) {
      const problem = `must not be longer than ${REWRITE_NAME_BYTES_MAX} bytes as a JSON string`;
      return invalid([...path, "modelRewrite"], model, problem);
    }
    if (isWeighed && weight === undefined) {
      const problem = "give it to each of the rule's targets, or to none";
      return invalid([...path, "weight"], weight, problem);
    }
  }
  return undefined;
}

function invalid(path: (string | number)[], value: unknown, problem: string): InvalidValue {
  return { kind: "invalid value", path, value, problem };
}

function object<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}
