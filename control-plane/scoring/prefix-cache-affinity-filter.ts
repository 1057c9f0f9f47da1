// Keeps to the endpoints that have most of the prompt cached, until they are so much busier than
// the others that recomputing is quicker.
import { Type } from "typebox";
import { FILTER_PREFIX_AFFINITY } from "../../protocol/profile.ts";
import { parameters, producerName, stepFilter } from "./plugin.ts";

export const prefixCacheAffinityFilter = stepFilter({
  type: "prefix-cache-affinity-filter",
  stability: "beta",
  parameters: parameters({
    affinityThreshold: Type.Number({ default: 0.8, maximum: 1 }),
    explorationProbability: Type.Number({ default: 0, minimum: 0, maximum: 1 }),
    maxTTFTPenaltyMs: Type.Number({ default: 18_000, minimum: 0 }),
    ttftSource: Type.Enum(["prefillThroughput", "latencyPredictor"], {
      default: "prefillThroughput",
    }),
    /** Tokens a second of one endpoint; upstream's for a 32 B model on two H100. */
    peakPrefillThroughput: Type.Number({ default: 15_928, minimum: 0 }),
    prefixMatchInfoProducerName: producerName,
    latencyPredictionInfoProducerName: producerName,
    inFlightLoadProducerName: producerName,
  }),
  refuse({ ttftSource, maxTTFTPenaltyMs, peakPrefillThroughput }) {
    if (ttftSource === "latencyPredictor") {
      return {
        path: ["ttftSource"],
        problem: "there is no latency predictor; use prefillThroughput",
      };
    }
    if (maxTTFTPenaltyMs === 0 || peakPrefillThroughput > 0) return undefined;
    return { path: ["peakPrefillThroughput"], problem: "must be > 0 with a maxTTFTPenaltyMs" };
  },
  step: (given) => ({
    operation: FILTER_PREFIX_AFFINITY,
    parameters: [
      given.affinityThreshold,
      given.explorationProbability,
      given.maxTTFTPenaltyMs,
      given.peakPrefillThroughput,
    ],
  }),
});
