import { randomUUID } from "node:crypto";
import { ApiError } from "./api/api-error.ts";
import type { Answer, Call, Choice, Dialect } from "./api/dialect.ts";
import { type BlockKeys, blockKeys } from "./block-keys.ts";
import type { Engine } from "./engine.ts";
import type { Metrics } from "./metrics.ts";
import type { Models } from "./models.ts";
import type { Sequence, Work } from "./sequence.ts";
import { outputToken, type Prompt } from "./tokens.ts";

/** What every request shares. */
export interface Serving {
  engine: Engine;
  models: Models;
  metrics: Metrics;
  blockTokens: number;
  contextTokensMax: number;
  outputTokens: number;
  showCachedTokens: boolean;
}

export interface GenerationListener {
  onToken(choice: Choice, text: string, id: number): void;
  onEnd(): void;
}

/** The sequences that answer one call, and the answer that grows out of them. */
export class Generation {
  readonly answer: Answer;
  readonly #serving: Serving;
  readonly #call: Call;
  readonly #listener: GenerationListener;
  readonly #sequences: Sequence[] = [];
  readonly #startedAtMs = performance.now();
  #open: number;

  /** Throws an ApiError when the model is unknown or a prompt too long; submits nothing then. */
  constructor(serving: Serving, dialect: Dialect, call: Call, listener: GenerationListener) {
    const adapter = serving.models.adapterOf(call.model);
    const outputTokens = call.outputTokens ?? serving.outputTokens;
    for (const prompt of call.prompts) checkLength(prompt, outputTokens, serving.contextTokensMax);
    this.#serving = serving;
    this.#call = call;
    this.#listener = listener;
    this.#open = call.prompts.length * call.choicesPerPrompt;
    this.answer = {
      id: dialect.idPrefix + randomUUID().replaceAll("-", ""),
      createdSeconds: Math.floor(Date.now() / 1000),
      model: call.model || serving.models.baseName,
      choices: [],
      promptTokens: call.prompts.reduce((sum, prompt) => sum + prompt.tokenCount, 0),
      completionTokens: 0,
      cachedTokens: serving.showCachedTokens ? 0 : null,
      elapsedSeconds: 0,
    };
    const seed = JSON.stringify([adapter ?? "", call.cacheSalt]);
    const works = call.prompts.flatMap((prompt) =>
      this.#works(prompt, blockKeys(prompt, seed, serving.blockTokens), outputTokens, adapter),
    );
    for (const work of works) this.#sequences.push(serving.engine.submit(work));
  }

  /** The client has gone: frees what its sequences hold. */
  abort(): void {
    if (this.#open === 0) return;
    for (const sequence of this.#sequences) this.#serving.engine.abort(sequence);
  }

  #works(prompt: Prompt, blocks: BlockKeys, outputTokens: number, adapter: string | undefined) {
    return Array.from({ length: this.#call.choicesPerPrompt }, (_, copy): Work => {
      const choice = this.#addChoice(prompt, blocks.fingerprint);
      const finishReason = this.#call.outputTokens === undefined ? "stop" : "length";
      return {
        blocks,
        promptTokens: prompt.tokenCount,
        outputTokens,
        finishReason,
        adapter,
        streamed: this.#call.stream,
        onTokens: (sequence, from, count) => {
          if (from === 0 && copy === 0) this.#countCached(choice, sequence);
          for (let position = from; position < from + count; position++) {
            if (position + 1 === outputTokens) choice.finishReason = finishReason;
            this.#addToken(choice, position);
          }
        },
        onEnd: (sequence, reason) => {
          if (outputTokens === 0) this.#countCached(choice, sequence);
          this.#serving.metrics.ended(sequence, reason);
          this.#open--;
          this.answer.elapsedSeconds = (performance.now() - this.#startedAtMs) / 1000;
          if (this.#open === 0 && reason !== "abort") this.#listener.onEnd();
        },
      };
    });
  }

  #addChoice(prompt: Prompt, fingerprint: number): Choice {
    const choice: Choice = {
      index: this.answer.choices.length,
      fingerprint,
      promptTokens: prompt.tokenCount,
      cachedTokens: 0,
      text: "",
      tokenIds: [],
      finishReason: null,
    };
    this.answer.choices.push(choice);
    return choice;
  }

  #countCached(choice: Choice, sequence: Sequence): void {
    choice.cachedTokens = sequence.cachedTokens;
    if (this.answer.cachedTokens !== null) this.answer.cachedTokens += sequence.cachedTokens;
  }

  #addToken(choice: Choice, position: number): void {
    const { text, id } = outputToken(choice.fingerprint, position);
    choice.text += text;
    choice.tokenIds.push(id);
    this.answer.completionTokens++;
    this.#listener.onToken(choice, text, id);
  }
}

function checkLength(prompt: Prompt, outputTokens: number, contextTokensMax: number): void {
  const total = prompt.tokenCount + outputTokens;
  if (total <= contextTokensMax) return;
  throw new ApiError(
    400,
    `This model's maximum context length is ${contextTokensMax} tokens. However, you requested ` +
      `${outputTokens} output tokens and your prompt contains ${prompt.tokenCount} tokens, for a ` +
      `total of ${total}. Reduce the length of the prompt or of the output.`,
  );
}
