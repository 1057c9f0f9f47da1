// Saturation by what is in flight: requests, or prompt tokens that engines have not answered yet.
// It says when requests of a priority below 0 are turned away; where a profile names it, it keeps
// endpoints below the limits and their headroom.
import { Type } from "typebox";
import { FILTER_CONCURRENCY_DETECTOR, NO_CAP, REJECT_CONCURRENCY } from "../../protocol/profile.ts";
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
  step(given) {
    const limit = (most: number) => Math.floor(most * (1 + given.headroom));
    return { operation: FILTER_CONCURRENCY_DETECTOR, parameters: capsOf(given, limit) };
  },
  rule: (given) => ({ operation: REJECT_CONCURRENCY, parameters: capsOf(given, (most) => most) }),
});

interface Caps {
  maxConcurrency: number;
  maxTokenConcurrency: number;
  concurrencyMode: string;
}

/** Of requests and of tokens; a mode that looks at one has no cap for the other. */
function capsOf(
  { maxConcurrency, maxTokenConcurrency, concurrencyMode }: Caps,
  limit: (most: number) => number,
): number[] {
  return [
    concurrencyMode === "tokens" ? NO_CAP : limit(maxConcurrency),
    concurrencyMode === "requests" ? NO_CAP : limit(maxTokenConcurrency),
  ];
}
