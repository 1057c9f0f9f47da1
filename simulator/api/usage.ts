import type { Answer } from "./dialect.ts";

/** The usage object of chat completions, completions and embeddings. */
export function openaiUsage(answer: Answer): object {
  return {
    prompt_tokens: answer.promptTokens,
    completion_tokens: answer.completionTokens,
    total_tokens: answer.promptTokens + answer.completionTokens,
    prompt_tokens_details:
      answer.cachedTokens === null ? null : { cached_tokens: answer.cachedTokens },
  };
}
