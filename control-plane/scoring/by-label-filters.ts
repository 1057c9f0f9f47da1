// One label, and the values that pass: freely chosen, or the roles of disaggregated serving.
import { Type } from "typebox";
import { type LabelTest, labelFilter, NO_PARAMETERS, parameters } from "./plugin.ts";

const ROLE = "llm-d.ai/role";

export const byLabel = labelFilter({
  type: "by-label",
  stability: "beta",
  parameters: parameters({
    label: Type.String({ minLength: 1 }),
    validValues: Type.Array(Type.String(), { default: [] }),
    allowsNoLabel: Type.Boolean({ default: false }),
  }),
  refuse({ validValues, allowsNoLabel }) {
    if (validValues.length > 0 || allowsNoLabel) return undefined;
    return { path: ["validValues"], problem: "name at least one, or set allowsNoLabel" };
  },
  matches: ({ label, validValues, allowsNoLabel }) => hasLabel(label, validValues, allowsNoLabel),
});

/** An endpoint without a role decodes. */
export const decodeFilter = roleFilter(
  "decode-filter",
  ["decode", "prefill-decode", "both", "encode-prefill-decode"],
  true,
);
export const prefillFilter = roleFilter("prefill-filter", [
  "prefill",
  "encode-prefill",
  "prefill-decode",
  "both",
  "encode-prefill-decode",
]);
export const encodeFilter = roleFilter("encode-filter", [
  "encode",
  "encode-prefill",
  "encode-prefill-decode",
]);

function roleFilter(type: string, roles: readonly string[], allowsNoLabel = false) {
  const matches = () => hasLabel(ROLE, roles, allowsNoLabel);
  return labelFilter({ type, stability: "beta", parameters: NO_PARAMETERS, matches });
}

function hasLabel(label: string, values: readonly string[], allowsNoLabel: boolean): LabelTest {
  return (labels) => {
    if (!Object.hasOwn(labels, label)) return allowsNoLabel;
    return values.includes(labels[label] ?? "");
  };
}
