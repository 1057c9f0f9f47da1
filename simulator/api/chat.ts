import { ApiError, openaiError } from "./api-error.ts";
import {
  type Answer,
  type Call,
  type Dialect,
  DONE_EVENT,
  dataEvent,
  type EventWriter,
  type Json,
} from "./dialect.ts";
import { commonFields, integerField } from "./fields.ts";
import { renderChat } from "./render.ts";
import { openaiUsage } from "./usage.ts";

/** POST /v1/chat/completions: the OpenAI chat API as vLLM serves it. */
export const CHAT: Dialect = {
  idPrefix: "chatcmpl-",
  read,
  json,
  events,
  error: openaiError,
};

function read(body: Json): Call {
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    throw new ApiError(400, "messages must be a list with at least one message.", "messages");
  }
  return {
    ...commonFields(body),
    prompts: [renderChat(body.tools, body.messages)],
    outputTokens: integerField(body, ["max_completion_tokens", "max_tokens"], 1),
  };
}

function json(answer: Answer): unknown {
  return {
    id: answer.id,
    object: "chat.completion",
    created: answer.createdSeconds,
    model: answer.model,
    choices: answer.choices.map((choice) => ({
      index: choice.index,
      message: { role: "assistant", content: choice.text, refusal: null, tool_calls: [] },
      logprobs: null,
      finish_reason: choice.finishReason,
    })),
    usage: openaiUsage(answer),
  };
}

function events(answer: Answer, call: Call): EventWriter {
  const head = {
    id: answer.id,
    object: "chat.completion.chunk",
    created: answer.createdSeconds,
    model: answer.model,
  };
  const chunk = (index: number, delta: object, finishReason: string | null) =>
    dataEvent({
      ...head,
      choices: [{ index, delta, logprobs: null, finish_reason: finishReason }],
    });
  return {
    open: () =>
      answer.choices
        .map((choice) => chunk(choice.index, { role: "assistant", content: "" }, null))
        .join(""),
    token: (choice, text) => chunk(choice.index, { content: text }, choice.finishReason),
    close: () =>
      (call.includeUsage ? dataEvent({ ...head, choices: [], usage: openaiUsage(answer) }) : "") +
      DONE_EVENT,
  };
}
