// Endpoints that a label marks for a range of prompt lengths (`0-2048`): scored by how well the
// prompt fits, and, if asked for, filtered.
import { Type } from "typebox";
import { FILTER_CONTEXT_LENGTH, SCORE_CONTEXT_LENGTH } from "../../protocol/profile.ts";
import { type Numbering, parameters, stepScorer } from "./plugin.ts";
import { type EndpointFacts, labelOf, numberWord } from "./values.ts";

/** What a label that makes no sense stands for: no length is in it, and all are far from it. */
const NO_RANGE = { least: Number.POSITIVE_INFINITY, most: Number.NEGATIVE_INFINITY };

export const contextLengthAware = stepScorer({
  type: "context-length-aware",
  stability: "beta",
  parameters: parameters({
    label: Type.String({ default: "llm-d.ai/context-length-range", minLength: 1 }),
    enableFiltering: Type.Boolean({ default: false }),
  }),
  step: ({ label }, numbering) => ({
    operation: SCORE_CONTEXT_LENGTH,
    parameters: [rangeNumber(label, numbering)],
  }),
  filterStep: ({ label, enableFiltering }, numbering) =>
    enableFiltering
      ? { operation: FILTER_CONTEXT_LENGTH, parameters: [rangeNumber(label, numbering)] }
      : undefined,
});

function rangeNumber(label: string, numbering: Numbering): number {
  return numbering.values(
    (facts) => numberWord(rangeOf(facts, label)?.least),
    (facts) => numberWord(rangeOf(facts, label)?.most),
  );
}

/** Undefined without the label: such an endpoint takes any length. */
function rangeOf(facts: EndpointFacts, label: string): typeof NO_RANGE | undefined {
  const text = labelOf(facts, label);
  if (text === undefined) return undefined;
  const bounds = text.split("-").map((bound) => bound.trim());
  if (bounds.length !== 2 || !bounds.every((bound) => /^\+?\d+$/.test(bound))) return NO_RANGE;
  const [least = 0, most = 0] = bounds.map(Number);
  return least <= most ? { least, most } : NO_RANGE;
}
