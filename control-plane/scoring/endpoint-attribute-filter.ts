// Keeps endpoints whose attribute compares true with a threshold.
import { Type } from "typebox";
import * as profile from "../../protocol/profile.ts";
import { attributeProblem, attributeProducer, attributeValue } from "./endpoint-attribute.ts";
import { parameters, stepFilter } from "./plugin.ts";

const COMPARISONS = {
  LessThan: profile.COMPARE_LESS,
  LessThanOrEqual: profile.COMPARE_LESS_OR_EQUAL,
  GreaterThan: profile.COMPARE_GREATER,
  GreaterThanOrEqual: profile.COMPARE_GREATER_OR_EQUAL,
  Equal: profile.COMPARE_EQUAL,
  NotEqual: profile.COMPARE_NOT_EQUAL,
} as const;
const OPERATORS = Object.keys(COMPARISONS) as (keyof typeof COMPARISONS)[];

export const endpointAttributeFilter = stepFilter({
  type: "endpoint-attribute-filter",
  stability: "alpha",
  parameters: parameters({
    attribute: Type.String({ minLength: 1 }),
    producer: attributeProducer,
    onMissing: Type.Enum(["Pass", "Fail"], { default: "Pass" }),
    fallbackOnEmpty: Type.Boolean({ default: false }),
    algorithm: Type.Object(
      {
        type: Type.Literal("threshold"),
        threshold: Type.Object(
          { operator: Type.Enum(OPERATORS), value: Type.Number({ default: 0 }) },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
  }),
  refuse: ({ attribute, producer }) => attributeProblem("attribute", attribute, producer),
  step({ attribute, onMissing, fallbackOnEmpty, algorithm: { threshold } }, numbering) {
    const missing = onMissing === "Pass" ? profile.KEEPS_MISSING : 0;
    const fallback = fallbackOnEmpty ? profile.KEEPS_ALL_RATHER_THAN_NONE : 0;
    const number = numbering.values(attributeValue(attribute));
    const comparison = COMPARISONS[threshold.operator];
    return {
      operation: profile.FILTER_VALUE,
      parameters: [number, comparison, missing | fallback, threshold.value],
    };
  },
});
