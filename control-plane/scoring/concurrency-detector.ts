// Saturation by what is in flight: requests, or prompt tokens that engines have not answered yet.
// Where a profile names it, it keeps endpoints below the limits and their headroom.
import { Type } from "typebox";
import { FILTER_CONCURRENCY_DETECTOR, NO_CAP } from "../../protocol/profile.ts";
import { parameters, producerName, stepFilter } from "./plugin.ts";

export const concurrencyDetector = stepFilter({
  type: "concurrency-detector",
  stability: "beta",
  parameters: parameters({
    maxConcurrency: Type.Integer({ default: 100, minimum: 1 }),
    headroom: Type.Number({ default: 0, minimum: 0 }),
    concurrencyMode: Type.Enum(["requests", "tokens", "hybrid"], { default: "requests" }),
    maxTokenConcurrency: Type.Integer({ default: 1_000_000, minimum: 1 }),
    inFlightLoadProducerName: producerName,
  }),
  step({ maxConcurrency, headroom, concurrencyMode, maxTokenConcurrency }) {
    const limit = (most: number) => Math.floor(most * (1 + headroom));
    return {
      operation: FILTER_CONCURRENCY_DETECTOR,
      parameters: [
        concurrencyMode === "tokens" ? NO_CAP : limit(maxConcurrency),
        concurrencyMode === "requests" ? NO_CAP : limit(maxTokenConcurrency),
      ],
    };
  },
});
