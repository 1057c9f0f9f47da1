import { idsPrompt, type Prompt, textPrompt } from "../tokens.ts";
import { ApiError } from "./api-error.ts";
import type { Call, Json } from "./dialect.ts";

/** Different answers to one prompt that a request may ask for. */
const CHOICES_MAX = 128;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The first of `names` in the body, as a whole number of at least `min`; undefined when absent. */
export function integerField(body: Json, names: readonly string[], min: number) {
  for (const name of names) {
    const value = body[name];
    if (value === undefined || value === null) continue;
    if (Number.isInteger(value) && (value as number) >= min) return value as number;
    throw new ApiError(400, `${name} must be an integer of at least ${min}, got ${value}.`, name);
  }
  return undefined;
}

/** The parts of a call that all OpenAI-like bodies spell alike. */
export function commonFields(body: Json): Omit<Call, "prompts" | "outputTokens"> {
  const options = isObject(body.stream_options) ? body.stream_options : {};
  return {
    model: typeof body.model === "string" ? body.model : "",
    choicesPerPrompt: choicesField(body),
    stream: body.stream === true,
    includeUsage: options.include_usage === true,
    cacheSalt: typeof body.cache_salt === "string" ? body.cache_salt : "",
  };
}

/** How many answers to one prompt are asked for. */
export function choicesField(body: Json): number {
  const choices = integerField(body, ["n"], 1) ?? 1;
  if (choices <= CHOICES_MAX) return choices;
  throw new ApiError(400, `n must be at most ${CHOICES_MAX}, got ${choices}.`, "n");
}

/** The messages of a conversation: at least one, each an object. */
export function messagesField(body: Json): Json[] {
  const { messages } = body;
  if (Array.isArray(messages) && messages.length > 0 && messages.every(isObject)) return messages;
  throw new ApiError(400, "messages must be a list with at least one message.", "messages");
}

/** A text, a list of texts, a list of token ids, or a list of such lists. */
export function promptsField(value: unknown, name: string): Prompt[] {
  if (typeof value === "string") return [textPrompt(value)];
  if (Array.isArray(value) && value.length > 0) {
    if (value.every((item) => typeof item === "string")) return value.map(textPrompt);
    if (isTokenIds(value)) return [idsPrompt(value)];
    if (value.every((item) => Array.isArray(item) && isTokenIds(item))) return value.map(idsPrompt);
  }
  throw new ApiError(
    400,
    `${name} must be a text, a list of texts, a list of token ids or a list of such lists.`,
    name,
  );
}

export function isTokenIds(value: readonly unknown[]): value is number[] {
  return value.length > 0 && value.every((item) => Number.isInteger(item) && (item as number) >= 0);
}
