// Turns away requests of a priority below 0 at random, the more the busier the pool is; saturation is
// as utilization-detector reckons it.
import { Type } from "typebox";
import { REJECT_PROBABLY } from "../../protocol/profile.ts";
import { admitter, parameters } from "./plugin.ts";

export const probabilisticAdmitter = admitter({
  type: "probabilistic-admitter",
  stability: "beta",
  parameters: parameters({
    queueDepthThreshold: Type.Integer({ default: 5, minimum: 1 }),
    kvCacheUtilThreshold: Type.Number({ default: 0.8, exclusiveMinimum: 0 }),
    power: Type.Number({ default: 5, exclusiveMinimum: 0 }),
    k: Type.Number({ default: 300, exclusiveMinimum: 0 }),
  }),
  rule: ({ queueDepthThreshold, kvCacheUtilThreshold, power, k }) => ({
    operation: REJECT_PROBABLY,
    parameters: [queueDepthThreshold, kvCacheUtilThreshold, power, k],
  }),
});
