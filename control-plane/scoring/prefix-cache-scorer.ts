// Share of the prompt that the endpoint has cached, by the gateways' index.
import { Type } from "typebox";
import { SCORE_PREFIX } from "../../protocol/profile.ts";
import { parameters, producerName, stepScorer } from "./plugin.ts";

/** Of the index, which this plugin kept itself up to version 1.4 of the schema. */
const INDEX_PARAMETERS = [
  "autoTune",
  "blockSize",
  "blockSizeTokens",
  "hashBlockSize",
  "lruCapacityPerServer",
  "maxPrefixBlocksToMatch",
] as const;

export const prefixCacheScorer = stepScorer({
  type: "prefix-cache-scorer",
  stability: "beta",
  parameters: parameters({
    prefixMatchInfoProducerName: producerName,
    matchLengthWeight: Type.Number({ default: 0, minimum: 0, maximum: 1 }),
    matchLengthScaleTokens: Type.Integer({ default: 8192 }),
    autoTune: Type.Optional(Type.Boolean()),
    blockSize: Type.Optional(Type.Integer()),
    blockSizeTokens: Type.Optional(Type.Integer()),
    hashBlockSize: Type.Optional(Type.Integer()),
    lruCapacityPerServer: Type.Optional(Type.Integer()),
    maxPrefixBlocksToMatch: Type.Optional(Type.Integer()),
  }),
  refuse({ matchLengthWeight, matchLengthScaleTokens }) {
    if (matchLengthWeight === 0 || matchLengthScaleTokens > 0) return undefined;
    return { path: ["matchLengthScaleTokens"], problem: "must be > 0 with a matchLengthWeight" };
  },
  warn: (given) =>
    INDEX_PARAMETERS.filter((name) => given[name] !== undefined).map(
      (name) => `${name} has no effect: the index has its own blocks, and endpoints' real capacity`,
    ),
  step: ({ matchLengthWeight, matchLengthScaleTokens }) => ({
    operation: SCORE_PREFIX,
    parameters: [matchLengthWeight, matchLengthScaleTokens],
  }),
});
