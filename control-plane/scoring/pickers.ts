// How an endpoint is chosen once all have their scores; more than one makes ordered fallbacks.
import { Type } from "typebox";
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import { PICK_MAX_SCORE, PICK_RANDOM, PICK_WEIGHTED_RANDOM } from "../../protocol/profile.ts";
import { parameters, picker, positiveOr } from "./plugin.ts";

/** Best score first; equal ones in random order. */
export const maxScorePicker = pickerOf("max-score-picker", PICK_MAX_SCORE);
/** Any, whatever the scores. */
export const randomPicker = pickerOf("random-picker", PICK_RANDOM);
/** By chance in proportion to the score. */
export const weightedRandomPicker = pickerOf("weighted-random-picker", PICK_WEIGHTED_RANDOM);

function pickerOf(type: string, operation: number) {
  return picker({
    type,
    stability: "beta",
    parameters: parameters({ maxNumOfEndpoints: Type.Integer({ default: 1 }) }),
    step: ({ maxNumOfEndpoints }) => ({
      operation,
      parameters: [Math.min(positiveOr(1, maxNumOfEndpoints), POOL_ENDPOINTS_MAX)],
    }),
  });
}
