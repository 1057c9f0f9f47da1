import { ApiError, openaiError } from "./api-error.ts";
import type { Answer, Call, Dialect, EventWriter, Json } from "./dialect.ts";
import { namedEvent } from "./dialect.ts";
import { commonFields, integerField, isObject } from "./fields.ts";
import { renderChat } from "./render.ts";

/** POST /v1/responses: the OpenAI responses API, JSON and its event stream; nothing is stored. */
export const RESPONSES: Dialect = {
  idPrefix: "resp_",
  read,
  json: (answer, body) => finished(answer, body),
  events,
  error: openaiError,
  opensEarly: true,
};

function read(body: Json): Call {
  const input = inputField(body.input);
  const messages = body.instructions
    ? [{ role: "system", content: body.instructions }, ...input]
    : input;
  return {
    ...commonFields(body),
    choicesPerPrompt: 1,
    prompts: [renderChat(body.tools, messages)],
    outputTokens: integerField(body, ["max_output_tokens"], 1),
  };
}

/** A text, or a list of items. */
function inputField(input: unknown): Json[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  if (Array.isArray(input) && input.length > 0 && input.every(isObject)) return input;
  throw new ApiError(400, "input must be a text or a list with at least one item.", "input");
}

function events(answer: Answer, _call: Call, body: Json): EventWriter {
  let sequence = 0;
  const event = (type: string, payload: object) =>
    namedEvent(type, { ...payload, sequence_number: sequence++ });
  const place = { item_id: itemId(answer), output_index: 0, content_index: 0 };
  const started = () => ({ ...response(answer, body), status: "in_progress", output: [] });
  let isItemOpen = false;
  const openItem = () => {
    isItemOpen = true;
    const item = { ...outputItem(answer), status: "in_progress", content: [] };
    return (
      event("response.output_item.added", { output_index: 0, item }) +
      event("response.content_part.added", { ...place, part: outputText("") })
    );
  };
  return {
    open: () =>
      event("response.created", { response: started() }) +
      event("response.in_progress", { response: started() }),
    token: (_, text) =>
      (isItemOpen ? "" : openItem()) +
      event("response.output_text.delta", { ...place, delta: text, logprobs: [] }),
    close: () => {
      const text = answer.choices[0]?.text ?? "";
      return (
        event("response.output_text.done", { ...place, text, logprobs: [] }) +
        event("response.content_part.done", { ...place, part: outputText(text) }) +
        event("response.output_item.done", { output_index: 0, item: outputItem(answer) }) +
        event("response.completed", { response: finished(answer, body) })
      );
    },
  };
}

/** The response object before it has output. */
function response(answer: Answer, body: Json) {
  return {
    id: answer.id,
    object: "response",
    created_at: answer.createdSeconds,
    model: answer.model,
    background: false,
    error: null,
    incomplete_details: null as object | null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: null,
    service_tier: "auto",
    temperature: body.temperature ?? 1,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: "disabled",
    usage: null as object | null,
  };
}

/** As vLLM does, an answer cut by max_output_tokens is incomplete, and its stream still completes. */
function finished(answer: Answer, body: Json): object {
  const isCut = answer.choices[0]?.finishReason === "length";
  return {
    ...response(answer, body),
    status: isCut ? "incomplete" : "completed",
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output: [outputItem(answer)],
    usage: {
      input_tokens: answer.promptTokens,
      input_tokens_details: { cached_tokens: answer.cachedTokens ?? 0 },
      output_tokens: answer.completionTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: answer.promptTokens + answer.completionTokens,
    },
  };
}

function outputItem(answer: Answer) {
  const choice = answer.choices[0];
  return {
    id: itemId(answer),
    type: "message",
    role: "assistant",
    status: choice?.finishReason === "length" ? "incomplete" : "completed",
    content: [outputText(choice?.text ?? "")],
  };
}

function outputText(text: string) {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function itemId(answer: Answer): string {
  return answer.id.replace("resp_", "msg_");
}
