// Drops endpoints above any of the caps that the configuration sets.
import { type Static, Type } from "typebox";
import { FILTER_UTILIZATION, KEEPS_ALL_RATHER_THAN_NONE, NO_CAP } from "../../protocol/profile.ts";
import { parameters, producerName, stepFilter } from "./plugin.ts";

/** In the order of the step's parameters. */
const METRICS = [
  "active-requests",
  "running-requests",
  "waiting-queue",
  "kv-cache-utilization",
] as const;
const KV_USE = "kv-cache-utilization";

const utilizationParameters = parameters({
  conditions: Type.Array(
    parameters({ metric: Type.Enum([...METRICS]), maxValue: Type.Number({ minimum: 0 }) }),
    { default: [] },
  ),
  fallbackOnEmpty: Type.Boolean({ default: false }),
  inFlightLoadProducerName: producerName,
});
type UtilizationParameters = Static<typeof utilizationParameters>;

export const utilizationFilter = stepFilter({
  type: "utilization-filter",
  stability: "alpha",
  parameters: utilizationParameters,
  refuse({ conditions }) {
    if (conditions.length === 0) return { path: ["conditions"], problem: "name at least one" };
    const index = conditions.findIndex(({ metric, maxValue }) => metric === KV_USE && maxValue > 1);
    if (index === -1) return undefined;
    return { path: ["conditions", index, "maxValue"], problem: "is a share and at most 1" };
  },
  step: (given) => ({
    operation: FILTER_UTILIZATION,
    parameters: [
      given.fallbackOnEmpty ? KEEPS_ALL_RATHER_THAN_NONE : 0,
      ...METRICS.map((metric) => capOf(given, metric)),
    ],
  }),
});

/** All conditions must hold, so the least cap of a metric is the one that counts. */
function capOf({ conditions }: UtilizationParameters, metric: string): number {
  const caps = conditions.filter((one) => one.metric === metric).map(({ maxValue }) => maxValue);
  return Math.min(NO_CAP, ...caps);
}
