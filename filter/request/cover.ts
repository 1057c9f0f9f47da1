// How much of a prompt a number of leading keys covers.
import { Prompt } from "./prompt.ts";
import { Wish } from "./wish.ts";

let covering: Prompt | null = null;

/** The prompt that the following questions are about; null when the request has none. */
export function coverBy(prompt: Prompt | null): void {
  covering = prompt;
}

/** Prompt bytes that the first `keys` keys cover; none where the request has no prompt. */
export function coveredBytes(keys: u32): u32 {
  const prompt = covering;
  return prompt === null ? 0 : prompt.coveredBytes(keys);
}

/** Prompt bytes an endpoint that holds the first `keys` keys must still compute; at least one. */
export function uncachedBytes(wish: Wish, keys: u32): u32 {
  const prompt = covering;
  if (prompt === null || keys === 0) return max(wish.promptBytes, 1);
  const covered = min(prompt.coveredBytes(keys), wish.promptBytes);
  return max(wish.promptBytes - covered, 1);
}
