// Saturation by what engines report: waiting requests or KV cache use at a threshold. It says when
// requests of a priority below 0 are turned away; where a profile names it, it keeps endpoints below
// the thresholds and their headroom, or all if none is.
import { Type } from "typebox";
import { FILTER_UTILIZATION_DETECTOR, REJECT_UTILIZATION } from "../../protocol/profile.ts";
import { durationMs } from "./duration.ts";
import { parameters, stepFilter } from "./plugin.ts";

export const utilizationDetector = stepFilter({
  type: "utilization-detector",
  stability: "beta",
  parameters: parameters({
    queueDepthThreshold: Type.Integer({ default: 5, minimum: 1 }),
    kvCacheUtilThreshold: Type.Number({ default: 0.8, exclusiveMinimum: 0, maximum: 1 }),
    metricsStalenessThreshold: Type.String({ default: "200ms" }),
    headroom: Type.Number({ default: 0, minimum: 0 }),
  }),
  refuse({ metricsStalenessThreshold }) {
    const ms = durationMs(metricsStalenessThreshold);
    if (ms !== undefined && ms > 0) return undefined;
    return { path: ["metricsStalenessThreshold"], problem: "must be a duration above 0, as 200ms" };
  },
  step: ({ queueDepthThreshold, kvCacheUtilThreshold, metricsStalenessThreshold, headroom }) => ({
    operation: FILTER_UTILIZATION_DETECTOR,
    parameters: [
      queueDepthThreshold * (1 + headroom),
      kvCacheUtilThreshold * (1 + headroom),
      durationMs(metricsStalenessThreshold) ?? 0,
    ],
  }),
  rule: ({ queueDepthThreshold, kvCacheUtilThreshold, metricsStalenessThreshold }) => ({
    operation: REJECT_UTILIZATION,
    parameters: [
      queueDepthThreshold,
      kvCacheUtilThreshold,
      durationMs(metricsStalenessThreshold) ?? 0,
    ],
  }),
});
