import { randomUUID } from "node:crypto";
import { ApiError } from "./api/api-error.ts";
import type { Answer, Choice, Dialect } from "./api/dialect.ts";
import type { BlockKeys } from "./block-keys.ts";
import type { Transfers } from "./connectors/transfers.ts";
import type { Engine } from "./engine.ts";
import type { Metrics } from "./metrics.ts";
import type { Models } from "./models.ts";
import type { PreparedCall } from "./prepared.ts";
import type { Sequence, Work } from "./sequence.ts";
import { outputToken, type Prompt } from "./tokens.ts";

/** What every request shares. */
export interface Serving {
  engine: Engine;
  models: Models;
  metrics: Metrics;
  transfers: Transfers;
  blockTokens: number;
  contextTokensMax: number;
  outputTokens: number;
  showCachedTokens: boolean;
}

export interface GenerationListener {
  onToken(choice: Choice, text: string, id: number): void;
  onEnd(): void;
  /** The prompt did not arrive. */
  onFailure(error: ApiError): void;
}

/** The sequences that answer one call, and the answer that grows out of them. */
export class Generation {
  readonly answer: Answer;
  readonly #serving: Serving;
  readonly #prepared: PreparedCall;
  readonly #listener: GenerationListener;
  readonly #sequences: Sequence[] = [];
  readonly #startedAtMs = performance.now();
  #open: number;
  #isAborted = false;

  constructor(
    serving: Serving,
    dialect: Dialect,
    prepared: PreparedCall,
    listener: GenerationListener,
  ) {
    const { call, prompts, adapter, outputTokens, leg } = prepared;
    this.#serving = serving;
    this.#prepared = prepared;
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
    const works = prompts.flatMap(({ prompt, blocks }) =>
      this.#works(prompt, blocks, outputTokens, adapter),
    );
    if (prepared.isRefused) queueMicrotask(() => this.#refuse());
    else if (leg?.arrival === undefined) this.#submit(works);
    else leg.arrival.then((tokens) => this.#submit(works, tokens), this.#fail);
  }

  /** The client has gone: frees what its sequences hold. */
  abort(): void {
    if (this.#open === 0) return;
    this.#isAborted = true;
    this.#prepared.leg?.abandoned?.();
    for (const sequence of this.#sequences) this.#serving.engine.abort(sequence);
  }

  #submit(works: Work[], transferredTokens = 0): void {
    if (this.#isAborted) return;
    for (const work of works) {
      this.#sequences.push(this.#serving.engine.submit({ ...work, transferredTokens }));
    }
  }

  readonly #fail = (error: unknown): void => {
    if (this.#isAborted) return;
    this.#open = 0;
    const known = error instanceof ApiError ? error : new ApiError(500, String(error));
    this.#serving.transfers.failed(known);
    this.#listener.onFailure(known);
  };

  /** Too little is cached: every choice ends before its first token. */
  #refuse(): void {
    this.#open = 0;
    for (const choice of this.answer.choices) {
      choice.finishReason = "cache_threshold";
      this.#listener.onToken(choice, "", 0);
    }
    this.#listener.onEnd();
  }

  #works(prompt: Prompt, blocks: BlockKeys, outputTokens: number, adapter: string | undefined) {
    const { call, leg } = this.#prepared;
    return Array.from({ length: call.choicesPerPrompt }, (_, copy): Work => {
      const choice = this.#addChoice(prompt, blocks.fingerprint);
      const finishReason = call.outputTokens === undefined ? "stop" : "length";
      return {
        blocks,
        promptTokens: prompt.tokenCount,
        outputTokens,
        finishReason,
        adapter,
        streamed: call.stream,
        ...(leg?.keep ? { keep: (free: () => void) => leg.keep?.(free) } : {}),
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
