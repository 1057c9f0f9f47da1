// Fewest waiting requests, relative to the other candidates.
import { SCORE_QUEUE } from "../../protocol/profile.ts";
import { NO_PARAMETERS, stepScorer } from "./plugin.ts";

export const queueScorer = stepScorer({
  type: "queue-scorer",
  stability: "beta",
  parameters: NO_PARAMETERS,
  step: () => ({ operation: SCORE_QUEUE, parameters: [] }),
});
