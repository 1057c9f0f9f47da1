// Fewest running requests, relative to the other candidates.
import { SCORE_RUNNING } from "../../protocol/profile.ts";
import { NO_PARAMETERS, stepScorer } from "./plugin.ts";

export const runningRequestsSizeScorer = stepScorer({
  type: "running-requests-size-scorer",
  stability: "beta",
  parameters: NO_PARAMETERS,
  step: () => ({ operation: SCORE_RUNNING, parameters: [] }),
});
