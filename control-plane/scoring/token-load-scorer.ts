// Fewest uncached prompt tokens in flight, this request's included, up to a threshold.
import { Type } from "typebox";
import { SCORE_TOKEN_LOAD } from "../../protocol/profile.ts";
import { parameters, positiveOr, producerName, stepScorer } from "./plugin.ts";

/** 128 requests of 32 k tokens. */
const THRESHOLD_TOKENS = 4_194_304;

export const tokenLoadScorer = stepScorer({
  type: "token-load-scorer",
  stability: "beta",
  parameters: parameters({
    queueThresholdTokens: Type.Integer({ default: THRESHOLD_TOKENS }),
    inFlightLoadProducerName: producerName,
  }),
  step: ({ queueThresholdTokens }) => ({
    operation: SCORE_TOKEN_LOAD,
    parameters: [positiveOr(THRESHOLD_TOKENS, queueThresholdTokens)],
  }),
});
