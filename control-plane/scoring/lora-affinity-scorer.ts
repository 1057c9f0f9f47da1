// Endpoints that have the request's adapter active, then those with room for one, then those
// that will load it.
import { SCORE_LORA } from "../../protocol/profile.ts";
import { NO_PARAMETERS, stepScorer } from "./plugin.ts";

export const loraAffinityScorer = stepScorer({
  type: "lora-affinity-scorer",
  stability: "beta",
  parameters: NO_PARAMETERS,
  step: () => ({ operation: SCORE_LORA, parameters: [] }),
});
