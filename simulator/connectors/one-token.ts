import type { Json } from "../api/dialect.ts";
import { isObject } from "../api/fields.ts";
import { wrongField } from "./fields.ts";
import type { LegRequest } from "./leg.ts";

/** Every spelling of a limit that may stand in a body of some API. */
const LIMITS = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
const LEAST = ["min_tokens", "min_completion_tokens"];

/**
 * Throws unless the request computes one prompt and makes one token, whole: what is more would be
 * computed and thrown away, and a streamed answer carries no parameters.
 */
export function requireOneToken({ body, call }: LegRequest): void {
  if (body.stream === true) throw wrongField("stream", "must be false: prefill does not stream");
  if (call.prompts.length !== 1) throw wrongField("prompt", "must be one prompt on a prefill leg");
  if (call.choicesPerPrompt !== 1) throw wrongField("n", "must be 1 on a prefill leg");
  if (call.outputTokens !== 1) throw wrongField("max_tokens", "must be 1 on a prefill leg");
  requireLimits("", body);
  if (isObject(body.sampling_params)) requireLimits("sampling_params.", body.sampling_params);
  if (body.stream_options) throw wrongField("stream_options", "must not be without a stream");
}

function requireLimits(place: string, fields: Json): void {
  for (const name of LIMITS) {
    const value = fields[name] ?? 1;
    if (value !== 1)
      throw wrongField(`${place}${name}`, `must be 1 on a prefill leg, got ${value}`);
  }
  for (const name of LEAST) {
    const value = Number(fields[name] ?? 0);
    if (value > 1) throw wrongField(`${place}${name}`, `must be at most 1, got ${value}`);
  }
}
