// A Kubernetes label selector over the endpoints' labels
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors).
import { type Static, Type } from "typebox";
import { type LabelTest, labelFilter, parameters } from "./plugin.ts";

const labelSelector = parameters({
  matchLabels: Type.Record(Type.String(), Type.String(), { default: {} }),
  matchExpressions: Type.Array(
    parameters({
      key: Type.String({ minLength: 1 }),
      operator: Type.Enum(["In", "NotIn", "Exists", "DoesNotExist"]),
      values: Type.Array(Type.String(), { default: [] }),
    }),
    { default: [] },
  ),
});
type LabelSelector = Static<typeof labelSelector>;
type Expression = LabelSelector["matchExpressions"][number];

/** All of the selector's terms hold; an empty selector matches everything. */
function matches({ matchLabels, matchExpressions }: LabelSelector): LabelTest {
  const equal = Object.entries(matchLabels);
  return (labels) =>
    equal.every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every((expression) => holds(expression, labelOf(labels, expression.key)));
}

/** NotIn holds where the label is absent, as in Kubernetes. */
function holds({ operator, values }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function refuse({ matchExpressions }: LabelSelector) {
  for (const [index, { operator, values }] of matchExpressions.entries()) {
    const path = ["matchExpressions", index, "values"];
    const wantsValues = operator === "In" || operator === "NotIn";
    if (wantsValues && values.length === 0) return { path, problem: `${operator} needs values` };
    if (!wantsValues && values.length > 0) return { path, problem: `${operator} takes no values` };
  }
  return undefined;
}

const described = { stability: "beta", parameters: labelSelector, refuse, matches } as const;

export const labelSelectorFilter = labelFilter({ type: "label-selector-filter", ...described });

/** What label-selector-filter was called before. */
export const byLabelSelector = labelFilter({ type: "by-label-selector", ...described });
