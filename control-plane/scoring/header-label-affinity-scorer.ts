// 1 for endpoints whose label is the value of a request's header.
import { Type } from "typebox";
import { SCORE_HEADER_LABEL } from "../../protocol/profile.ts";
import { HEADER_NAME_WANTED, isHeaderName, parameters, stepScorer } from "./plugin.ts";
import { labelOf, textValues } from "./values.ts";

export const headerLabelAffinityScorer = stepScorer({
  type: "header-label-affinity-scorer",
  stability: "alpha",
  parameters: parameters({
    headerName: Type.String({ minLength: 1 }),
    labelKey: Type.String({ minLength: 1 }),
  }),
  refuse({ headerName }) {
    if (isHeaderName(headerName.toLowerCase())) return undefined;
    return { path: ["headerName"], problem: `must be ${HEADER_NAME_WANTED}` };
  },
  step: ({ headerName, labelKey }, numbering) => ({
    operation: SCORE_HEADER_LABEL,
    parameters: [
      numbering.header(headerName),
      numbering.values(...textValues((facts) => labelOf(facts, labelKey))),
    ],
  }),
});
