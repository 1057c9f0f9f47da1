import { anthropicError } from "./api-error.ts";
import type { Answer, Call, Dialect, EventWriter, Json } from "./dialect.ts";
import { namedEvent } from "./dialect.ts";
import { commonFields, integerField, messagesField } from "./fields.ts";
import { renderChat, renderContent } from "./render.ts";

/** POST /v1/messages: Anthropic's messages API, JSON and its named events. */
export const MESSAGES: Dialect = {
  idPrefix: "msg_",
  read,
  json,
  events,
  error: anthropicError,
};

function read(body: Json): Call {
  const given = messagesField(body);
  const system = renderContent(body.system);
  const messages = system ? [{ role: "system", content: system }, ...given] : given;
  return {
    ...commonFields(body),
    choicesPerPrompt: 1,
    prompts: [renderChat(body.tools, messages)],
    outputTokens: integerField(body, ["max_tokens"], 1),
  };
}

function json(answer: Answer): unknown {
  const choice = answer.choices[0];
  return {
    ...message(answer),
    content: [{ type: "text", text: choice?.text ?? "", citations: null }],
    stop_reason: stopReason(answer),
    usage: usage(answer),
  };
}

function events(answer: Answer): EventWriter {
  return {
    open: () =>
      namedEvent("message_start", {
        message: { ...message(answer), usage: { ...usage(answer), output_tokens: 0 } },
      }) +
      namedEvent("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    token: (_, text) =>
      namedEvent("content_block_delta", { index: 0, delta: { type: "text_delta", text } }),
    close: () =>
      namedEvent("content_block_stop", { index: 0 }) +
      namedEvent("message_delta", {
        delta: { stop_reason: stopReason(answer), stop_sequence: null },
        usage: usage(answer),
      }) +
      namedEvent("message_stop", {}),
  };
}

function message(answer: Answer) {
  return {
    id: answer.id,
    type: "message",
    role: "assistant",
    model: answer.model,
    content: [] as unknown[],
    stop_reason: null as string | null,
    stop_sequence: null,
  };
}

function stopReason(answer: Answer): string {
  return answer.choices[0]?.finishReason === "length" ? "max_tokens" : "end_turn";
}

/** As Anthropic counts: all input is input_tokens plus what was read from the cache. */
function usage(answer: Answer) {
  return {
    input_tokens: answer.promptTokens - (answer.cachedTokens ?? 0),
    cache_creation_input_tokens: answer.cachedTokens === null ? null : 0,
    cache_read_input_tokens: answer.cachedTokens,
    output_tokens: answer.completionTokens,
  };
}
