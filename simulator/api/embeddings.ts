import { openaiError } from "./api-error.ts";
import type { Answer, Call, Dialect, Json } from "./dialect.ts";
import { commonFields, integerField, promptsField } from "./fields.ts";

const DIMENSIONS = 384;

/** POST /v1/embeddings: the prompt is computed and nothing generated. */
export const EMBEDDINGS: Dialect = { idPrefix: "embd-", read, json, error: openaiError };

function read(body: Json): Call {
  integerField(body, ["dimensions"], 1);
  return {
    ...commonFields(body),
    choicesPerPrompt: 1,
    stream: false,
    prompts: promptsField(body.input, "input"),
    outputTokens: 0,
  };
}

function json(answer: Answer, body: Json): unknown {
  const dimensions = integerField(body, ["dimensions"], 1) ?? DIMENSIONS;
  const isBase64 = body.encoding_format === "base64";
  return {
    id: answer.id,
    object: "list",
    created: answer.createdSeconds,
    model: answer.model,
    data: answer.choices.map(({ index, fingerprint }) => {
      const vector = embedding(fingerprint, dimensions);
      return { index, object: "embedding", embedding: isBase64 ? base64(vector) : [...vector] };
    }),
    usage: { prompt_tokens: answer.promptTokens, total_tokens: answer.promptTokens },
  };
}

/** A vector of length one that depends on the prompt only. */
function embedding(fingerprint: number, dimensions: number): Float32Array {
  const phase = (fingerprint % 65_536) / 65_536;
  const scale = Math.sqrt(2 / dimensions);
  return Float32Array.from(
    { length: dimensions },
    (_, i) => scale * Math.sin(2 * Math.PI * (phase * (i + 1) + i / dimensions)),
  );
}

function base64(vector: Float32Array): string {
  return Buffer.from(vector.buffer).toString("base64");
}
