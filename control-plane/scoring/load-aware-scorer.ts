// 0.5 for an empty queue, falling to 0 where as many wait as the threshold; never above 0.5.
import { Type } from "typebox";
import { endpointScorer, parameters, positiveOr } from "./plugin.ts";

const THRESHOLD = 128;

export const loadAwareScorer = endpointScorer({
  type: "load-aware-scorer",
  stability: "beta",
  parameters: parameters({ threshold: Type.Integer({ default: THRESHOLD }) }),
  pushed(reading, { threshold }) {
    const most = positiveOr(THRESHOLD, threshold);
    return 0.5 * (1 - Math.min(reading.waiting, most) / most);
  },
});
