// Free share of the KV cache.
import { endpointScorer, NO_PARAMETERS } from "./plugin.ts";

export const kvCacheUtilizationScorer = endpointScorer({
  type: "kv-cache-utilization-scorer",
  stability: "beta",
  parameters: NO_PARAMETERS,
  pushed: (reading) => 1 - reading.kvUse,
});
