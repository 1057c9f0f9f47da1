// Requests that no endpoint has cached go where one such went longest ago.
import { Type } from "typebox";
import { SCORE_NO_HIT_LRU } from "../../protocol/profile.ts";
import { parameters, positiveOr, producerName, stepScorer } from "./plugin.ts";

const ENTRIES = 1024;

export const noHitLruScorer = stepScorer({
  type: "no-hit-lru-scorer",
  stability: "beta",
  parameters: parameters({
    lruSize: Type.Integer({ default: ENTRIES }),
    prefixMatchInfoProducerName: producerName,
    // Never had an effect upstream either.
    prefixPluginType: producerName,
    prefixPluginName: producerName,
  }),
  step: ({ lruSize }) => ({
    operation: SCORE_NO_HIT_LRU,
    parameters: [positiveOr(ENTRIES, lruSize)],
  }),
});
