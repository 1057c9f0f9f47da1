import type { BlockKeys } from "./block-keys.ts";

export type FinishReason = "length" | "stop" | "abort" | "cache_threshold";

/** One prompt to be answered, and who hears of its tokens. */
export interface Work {
  blocks: BlockKeys;
  promptTokens: number;
  /** 0 computes the prompt only, as an embedding does. */
  outputTokens: number;
  finishReason: FinishReason;
  adapter: string | undefined;
  /** Whether each step's tokens matter to the listener, or only the end. */
  streamed: boolean;
  /** Prompt tokens that came from another server; the last one is computed all the same. */
  transferredTokens?: number;
  /** Takes the blocks at the end of the work instead of freeing them; `free` frees them. */
  keep?: (free: () => void) => void;
  onTokens(sequence: Sequence, from: number, count: number): void;
  onEnd(sequence: Sequence, reason: FinishReason): void;
}

/** The state of one work item inside the engine. Times are simulated milliseconds. */
export class Sequence {
  readonly work: Work;
  readonly arrivedAtMs: number;
  firstTokenAtMs = 0;
  endedAtMs = 0;
  /** Prompt tokens found in the cache at the first admission. */
  cachedTokens = 0;
  /** Output tokens made so far. */
  made = 0;
  /** Tokens to have in the cache before the next token comes out; a preemption adds to it. */
  toCompute: number;
  computed = 0;
  /** Prompt tokens computed by the step under way. */
  chunk = 0;
  heldBlocks = 0;
  privateBlocks = 0;
  isDecoding = false;
  isAborted = false;
  hasBeenAdmitted = false;

  constructor(work: Work, arrivedAtMs: number) {
    this.work = work;
    this.arrivedAtMs = arrivedAtMs;
    this.toCompute = work.promptTokens;
  }

  get contextTokens(): number {
    return this.work.promptTokens + this.made;
  }

  get remaining(): number {
    return this.work.outputTokens - this.made;
  }
}
