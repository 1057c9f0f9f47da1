// Where an endpoint's attribute stands in a range, fixed or spanned by the candidates.
import { Type } from "typebox";
import { FIXED_RANGE, LOWER_IS_BETTER, SCORE_VALUE } from "../../protocol/profile.ts";
import { attributeProblem, attributeProducer, attributeValue } from "./endpoint-attribute.ts";
import { parameters, stepScorer } from "./plugin.ts";

const FIXED = ["algorithm", "normalization", "fixedRange"];

export const endpointAttributeScorer = stepScorer({
  type: "endpoint-attribute-scorer",
  stability: "alpha",
  parameters: parameters({
    attributeKey: Type.String({ minLength: 1 }),
    producer: attributeProducer,
    algorithm: Type.Object(
      {
        type: Type.Enum(["linear_lower_is_better", "linear_higher_is_better"]),
        normalization: parameters({
          fixedRange: Type.Optional(
            Type.Object(
              { min: Type.Number({ default: 0 }), max: Type.Number({ default: 0 }) },
              { additionalProperties: false },
            ),
          ),
          adaptiveRange: Type.Optional(Type.Object({}, { additionalProperties: false })),
        }),
      },
      { additionalProperties: false },
    ),
  }),
  refuse({ attributeKey, producer, algorithm: { normalization } }) {
    const { fixedRange, adaptiveRange } = normalization;
    if (fixedRange !== undefined && adaptiveRange !== undefined) {
      return { path: FIXED, problem: "is one way to normalise, adaptiveRange the other: give one" };
    }
    if (fixedRange !== undefined && fixedRange.min >= fixedRange.max) {
      return { path: FIXED, problem: "needs a min below its max" };
    }
    return attributeProblem("attributeKey", attributeKey, producer);
  },
  step({ attributeKey, algorithm: { type, normalization } }, numbering) {
    const range = normalization.fixedRange;
    const lower = type === "linear_lower_is_better" ? LOWER_IS_BETTER : 0;
    const number = numbering.values(attributeValue(attributeKey));
    return {
      operation: SCORE_VALUE,
      parameters: [number, lower | (range ? FIXED_RANGE : 0), range?.min ?? 0, range?.max ?? 0],
    };
  },
});
