import { openaiError } from "./api-error.ts";
import {
  type Answer,
  type Call,
  type Dialect,
  DONE_EVENT,
  dataEvent,
  type EventWriter,
  type Json,
} from "./dialect.ts";
import { commonFields, integerField, promptsField } from "./fields.ts";
import { openaiUsage } from "./usage.ts";

/** POST /v1/completions: one or many prompts, as texts or token ids. */
export const COMPLETIONS: Dialect = {
  idPrefix: "cmpl-",
  read,
  json,
  events,
  error: openaiError,
};

function read(body: Json): Call {
  return {
    ...commonFields(body),
    prompts: promptsField(body.prompt, "prompt"),
    outputTokens: integerField(body, ["max_tokens"], 1),
  };
}

function json(answer: Answer): unknown {
  return {
    id: answer.id,
    object: "text_completion",
    created: answer.createdSeconds,
    model: answer.model,
    choices: answer.choices.map((choice) => ({
      index: choice.index,
      text: choice.text,
      logprobs: null,
      finish_reason: choice.finishReason,
    })),
    usage: openaiUsage(answer),
  };
}

function events(answer: Answer, call: Call): EventWriter {
  const head = {
    id: answer.id,
    object: "text_completion",
    created: answer.createdSeconds,
    model: answer.model,
  };
  return {
    open: () => "",
    token: ({ index, finishReason }, text) =>
      dataEvent({
        ...head,
        choices: [{ index, text, logprobs: null, finish_reason: finishReason }],
      }),
    close: () =>
      (call.includeUsage ? dataEvent({ ...head, choices: [], usage: openaiUsage(answer) }) : "") +
      DONE_EVENT,
  };
}
