// Prompt bytes of one token, learned from requests that ended: tokenizers and languages differ.

const START_BYTES = 4;
const LEAST_BYTES = 1;
const MOST_BYTES = 8;
/** Shorter prompts are mostly chat template, whose tokens are not in the prompt's bytes. */
const TOKENS_MIN = 64;
const LEARNING_SHARE = 0.02;

export class TokenBytes {
  #bytes = START_BYTES;

  get bytesPerToken(): number {
    return this.#bytes;
  }

  learn(promptBytes: number, promptTokens: number): void {
    if (promptTokens < TOKENS_MIN || promptBytes === 0) return;
    const seen = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, promptBytes / promptTokens));
    this.#bytes += LEARNING_SHARE * (seen - this.#bytes);
  }
}
