import { openaiError } from "./api-error.ts";
import type { Call, Dialect, Json } from "./dialect.ts";
import { commonFields, integerField, messagesField } from "./fields.ts";
import { type AnswerShape, openaiAnswer, openaiEvents } from "./openai-answer.ts";
import { renderChat } from "./render.ts";

/** POST /v1/chat/completions: the OpenAI chat API as vLLM serves it. */
export const CHAT: Dialect = {
  idPrefix: "chatcmpl-",
  read,
  json: (answer) => openaiAnswer(answer, SHAPE),
  events: (answer, call) => openaiEvents(answer, call, SHAPE),
  error: openaiError,
};

const SHAPE: AnswerShape = {
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  whole: (content) => ({ message: { role: "assistant", content, refusal: null, tool_calls: [] } }),
  part: (content) => ({ delta: { content } }),
  opening: { delta: { role: "assistant", content: "" } },
};

function read(body: Json): Call {
  return {
    ...commonFields(body),
    prompts: [renderChat(body.tools, messagesField(body))],
    outputTokens: integerField(body, ["max_completion_tokens", "max_tokens"], 1),
  };
}
