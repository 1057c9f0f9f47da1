import { openaiError } from "./api-error.ts";
import type { Call, Dialect, Json } from "./dialect.ts";
import { commonFields, integerField, promptsField } from "./fields.ts";
import { type AnswerShape, openaiAnswer, openaiEvents } from "./openai-answer.ts";

/** POST /v1/completions: one or many prompts, as texts or token ids. */
export const COMPLETIONS: Dialect = {
  idPrefix: "cmpl-",
  read,
  json: (answer) => openaiAnswer(answer, SHAPE),
  events: (answer, call) => openaiEvents(answer, call, SHAPE),
  error: openaiError,
};

const SHAPE: AnswerShape = {
  object: "text_completion",
  chunkObject: "text_completion",
  whole: (text) => ({ text }),
  part: (text) => ({ text }),
};

function read(body: Json): Call {
  return {
    ...commonFields(body),
    prompts: promptsField(body.prompt, "prompt"),
    outputTokens: integerField(body, ["max_tokens"], 1),
  };
}
