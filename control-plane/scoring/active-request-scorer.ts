// Fewest requests in flight, by the gateways' own count.
import { Type } from "typebox";
import { SCORE_ACTIVE_REQUEST } from "../../protocol/profile.ts";
import { parameters, producerName, stepScorer } from "./plugin.ts";

export const activeRequestScorer = stepScorer({
  type: "active-request-scorer",
  stability: "beta",
  parameters: parameters({
    requestTimeout: Type.String({ default: "" }),
    idleThreshold: Type.Integer({ default: 0 }),
    maxBusyScore: Type.Number({ default: 1 }),
    inFlightLoadProducerName: producerName,
  }),
  warn: ({ requestTimeout }) =>
    requestTimeout === "" ? [] : ["requestTimeout has no effect: requests in flight are exact"],
  step({ idleThreshold, maxBusyScore }) {
    const busy = maxBusyScore >= 0 && maxBusyScore <= 1 ? maxBusyScore : 1;
    return { operation: SCORE_ACTIVE_REQUEST, parameters: [Math.max(idleThreshold, 0), busy] };
  },
});
