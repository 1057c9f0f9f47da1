import type { Prompt } from "../tokens.ts";
import type { ApiError } from "./api-error.ts";

export type Json = Record<string, unknown>;

/** What a request asks for, whatever API it came by. */
export interface Call {
  /** As the client wrote it; empty means the base model. */
  model: string;
  prompts: Prompt[];
  /** Answers to each prompt; the n of the OpenAI API. */
  choicesPerPrompt: number;
  /** undefined leaves it to the server. */
  outputTokens: number | undefined;
  stream: boolean;
  includeUsage: boolean;
  cacheSalt: string;
}

export interface Choice {
  /** Of the prompt; see block-keys.ts. */
  fingerprint: number;
  promptTokens: number;
  cachedTokens: number;
  index: number;
  text: string;
  tokenIds: number[];
  /** null while tokens are still to come. */
  finishReason: "length" | "stop" | "cache_threshold" | null;
}

/** An answer, growing while its tokens come. */
export interface Answer {
  id: string;
  createdSeconds: number;
  model: string;
  choices: Choice[];
  promptTokens: number;
  completionTokens: number;
  /** null when the server does not tell. */
  cachedTokens: number | null;
  elapsedSeconds: number;
}

/** Writes an answer as server-sent events; each method returns their text. */
export interface EventWriter {
  /** Before the first token. */
  open(): string;
  /** One token; `choice.finishReason` is set when it is the last of its choice. */
  token(choice: Choice, text: string, id: number): string;
  /** After the last token of all choices. */
  close(): string;
}

/** One API of one path: how a body becomes a call, and how tokens become an answer. */
export interface Dialect {
  idPrefix: string;
  /** Throws an ApiError with status 400 when the body lacks what it needs. */
  read(body: Json): Call;
  json(answer: Answer, body: Json): unknown;
  /** Absent where the API does not stream. */
  events?(answer: Answer, call: Call, body: Json): EventWriter;
  error(error: ApiError): object;
  /** Whether vLLM sends this API's first events before prefill. */
  opensEarly?: boolean;
}

export function dataEvent(payload: unknown): string {
  return `data: ${JSON.stringify(payload)}\n\n`;
}

export function namedEvent(type: string, payload: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...payload })}\n\n`;
}

export const DONE_EVENT = "data: [DONE]\n\n";
