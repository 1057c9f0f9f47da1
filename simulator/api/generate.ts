import { idsPrompt } from "../tokens.ts";
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
import {
  choicesField,
  commonFields,
  integerField,
  isObject,
  isTokenIds,
  promptsField,
} from "./fields.ts";
import { openaiUsage } from "./usage.ts";

/** POST /inference/v1/generate: vLLM's token ids in, token ids out. */
export const VLLM_GENERATE: Dialect = {
  idPrefix: "generate-",
  read(body) {
    if (!Array.isArray(body.token_ids) || !isTokenIds(body.token_ids)) {
      throw new ApiError(400, "token_ids must be a list of token ids.", "token_ids");
    }
    const sampling = isObject(body.sampling_params) ? body.sampling_params : {};
    return {
      ...commonFields(body),
      choicesPerPrompt: choicesField(sampling),
      prompts: [idsPrompt(body.token_ids)],
      outputTokens: integerField(sampling, ["max_tokens"], 1),
    };
  },
  json: (answer) => ({
    request_id: answer.id,
    choices: answer.choices.map((choice) => ({
      index: choice.index,
      logprobs: null,
      finish_reason: choice.finishReason,
      token_ids: choice.tokenIds,
    })),
    prompt_logprobs: null,
    kv_transfer_params: null,
    usage: openaiUsage(answer),
  }),
  events: (answer, call) => ({
    open: () => "",
    token: ({ index, finishReason }, _text, id) =>
      dataEvent({
        request_id: answer.id,
        choices: [{ index, logprobs: null, finish_reason: finishReason, token_ids: [id] }],
      }),
    close: () =>
      (call.includeUsage
        ? dataEvent({ request_id: answer.id, choices: [], usage: openaiUsage(answer) })
        : "") + DONE_EVENT,
  }),
  error: openaiError,
};

/** POST /generate: SGLang's native API. Each streamed event repeats all of the text so far. */
export const SGLANG_GENERATE: Dialect = {
  idPrefix: "",
  read: readSglang,
  json: (answer, body) => {
    const all = answer.choices.map((_, index) => sglangAnswer(answer, index));
    return isBatch(body) || all.length > 1 ? all : all[0];
  },
  events: sglangEvents,
  error: openaiError,
};

function readSglang(body: Json): Call {
  const sampling = isObject(body.sampling_params) ? body.sampling_params : {};
  const name = body.input_ids === undefined ? "text" : "input_ids";
  return {
    ...commonFields(body),
    model: typeof body.lora_path === "string" ? body.lora_path : "",
    choicesPerPrompt: choicesField(sampling),
    prompts: promptsField(body[name], name),
    outputTokens: integerField(sampling, ["max_new_tokens"], 1),
    cacheSalt: typeof body.extra_key === "string" ? body.extra_key : "",
  };
}

function isBatch(body: Json): boolean {
  return Array.isArray(body.text) || (Array.isArray(body.input_ids) && isNested(body.input_ids));
}

function isNested(ids: readonly unknown[]): boolean {
  return Array.isArray(ids[0]);
}

function sglangEvents(answer: Answer): EventWriter {
  return {
    open: () => "",
    token: ({ index }) => dataEvent({ index, ...sglangAnswer(answer, index) }),
    close: () => DONE_EVENT,
  };
}

function sglangAnswer(answer: Answer, index: number) {
  const choice = answer.choices[index];
  const made = choice?.tokenIds.length ?? 0;
  const reason = choice?.finishReason ?? null;
  return {
    text: choice?.text ?? "",
    output_ids: choice?.tokenIds ?? [],
    meta_info: {
      id: answer.id,
      finish_reason:
        reason === "length" ? { type: reason, length: made } : reason && { type: reason },
      prompt_tokens: choice?.promptTokens ?? 0,
      completion_tokens: made,
      cached_tokens: choice?.cachedTokens ?? 0,
      weight_version: "default",
      e2e_latency: answer.elapsedSeconds,
    },
  };
}
