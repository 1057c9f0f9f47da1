import type { KvCache } from "./kv-cache.ts";
import type { Sequence } from "./sequence.ts";
import type { StepLoad } from "./timing.ts";

/** Prompt and output tokens that one step computes at most; vLLM's max_num_batched_tokens. */
const BATCHED_TOKENS_MAX = 8192;

export interface SchedulerLimits {
  blockTokens: number;
  sequencesMax: number;
  /** Different LoRA adapters that run at the same time. */
  adaptersMax: number;
}

/** What the server computes next: one step with prefill in it, or a stretch that only decodes. */
export interface Step extends StepLoad {
  /** How many times this step repeats unchanged, if nothing arrives; 1 when it has prefill. */
  steps: number;
}

export interface SchedulerTotals {
  preemptions: number;
  promptTokens: number;
  generationTokens: number;
  /** Prompt tokens looked up in the prefix cache, and those found. */
  prefixQueries: number;
  prefixHits: number;
  /** Prompt tokens that came from another server, and were not cached here. */
  transferred: number;
}

/**
 * Who computes what in the next step. It follows vLLM V1: each decoding sequence gets one token,
 * then what is left of the token budget goes to prompts, in order of arrival, those under way first.
 * A prompt is admitted only when all of it fits in the cache; its blocks can be matched by others
 * as soon as their step is planned. When decoding runs out of blocks, the youngest sequence gives
 * its own back and is computed again later. It knows no time.
 */
export class Scheduler {
  readonly cache: KvCache;
  readonly waiting: Sequence[] = [];
  readonly totals: SchedulerTotals = {
    preemptions: 0,
    promptTokens: 0,
    generationTokens: 0,
    prefixQueries: 0,
    prefixHits: 0,
    transferred: 0,
  };
  readonly #limits: SchedulerLimits;
  #running: Sequence[] = [];

  constructor(cache: KvCache, limits: SchedulerLimits) {
    this.cache = cache;
    this.#limits = limits;
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  plan(): Step | undefined {
    this.#preemptUntilDecodeFits();
    const step = { prefillTokens: 0, attentionPairs: 0, sequences: 0, contextTokens: 0, steps: 1 };
    for (const sequence of this.#running) {
      if (!sequence.isDecoding) continue;
      step.sequences++;
      step.contextTokens += sequence.contextTokens;
    }
    let budget = BATCHED_TOKENS_MAX - step.sequences;
    for (const sequence of this.#running) {
      if (!sequence.isDecoding) budget -= this.#prefill(sequence, budget, step);
    }
    this.#admitWaiting(budget, step);
    if (step.prefillTokens === 0 && step.sequences === 0) return undefined;
    if (step.prefillTokens === 0) step.steps = this.#stepsUntilChange(step.sequences);
    return step;
  }

  /** Books `count` repetitions of a planned step; true when the set of running sequences changed. */
  complete(count: number, atMs: number): boolean {
    const before = this.#running.length;
    // All tokens take their room before anything ends, as they do when steps are booked one by one.
    for (const sequence of this.#running) this.#advance(sequence, count, atMs);
    this.#running = this.#running.filter((sequence) => !this.#hasEnded(sequence, atMs));
    return this.#running.length < before;
  }

  /** Gives back all blocks of all running sequences, which start again when planning resumes. */
  suspend(): void {
    while (this.#running.length > 0) this.#preemptYoungest();
  }

  // ---- planning

  #preemptUntilDecodeFits(): void {
    while (this.#running.length > 1 && this.#decodeBlocks(1) > this.cache.availableBlocks) {
      this.#preemptYoungest();
      this.totals.preemptions++;
    }
  }

  /** Blocks that all decoding sequences need beyond their own to decode `steps` more tokens. */
  #decodeBlocks(steps: number): number {
    let blocks = 0;
    for (const sequence of this.#running) {
      if (!sequence.isDecoding) continue;
      blocks += this.#blocksFor(sequence.contextTokens - 1 + steps) - owned(sequence);
    }
    return blocks;
  }

  #preemptYoungest(): void {
    const sequence = this.#running.pop() as Sequence;
    this.#giveBack(sequence);
    sequence.isDecoding = false;
    sequence.computed = 0;
    sequence.chunk = 0;
    sequence.toCompute = sequence.contextTokens;
    this.waiting.unshift(sequence);
  }

  #prefill(sequence: Sequence, budget: number, step: Step): number {
    const chunk = Math.max(0, Math.min(sequence.toCompute - sequence.computed, budget));
    sequence.chunk = chunk;
    step.prefillTokens += chunk;
    step.attentionPairs += chunk * (sequence.computed + chunk / 2);
    this.#share(sequence, sequence.computed + chunk);
    return chunk;
  }

  /** Makes the whole blocks among the first `tokens` prompt tokens matchable. */
  #share(sequence: Sequence, tokens: number): void {
    const { keys } = sequence.work.blocks;
    const whole = Math.min(keys.length, Math.floor(tokens / this.#limits.blockTokens));
    if (whole <= sequence.heldBlocks) return;
    this.cache.addPrivate(sequence.heldBlocks - whole);
    sequence.privateBlocks -= whole - sequence.heldBlocks;
    this.cache.hold(keys, sequence.heldBlocks, whole);
    sequence.heldBlocks = whole;
  }

  #admitWaiting(tokenBudget: number, step: Step): void {
    if (this.waiting.length === 0) return;
    let budget = tokenBudget;
    let position = 0;
    const adapters = new Set(this.#running.map((sequence) => sequence.work.adapter));
    adapters.delete(undefined);
    while (position < this.waiting.length && budget > 0) {
      if (this.#running.length >= this.#limits.sequencesMax) return;
      const sequence = this.waiting[position] as Sequence;
      const { adapter } = sequence.work;
      if (adapter && !adapters.has(adapter) && adapters.size >= this.#limits.adaptersMax) {
        position++;
        continue;
      }
      if (!this.#admit(sequence)) return;
      this.waiting.splice(position, 1);
      this.#running.push(sequence);
      if (adapter) adapters.add(adapter);
      budget -= this.#prefill(sequence, budget, step);
    }
  }

  /** Takes the blocks for the whole prompt, or nothing. */
  #admit(sequence: Sequence): boolean {
    const { blocks, promptTokens } = sequence.work;
    const { blockTokens } = this.#limits;
    // The last prompt token is always computed, for its output: a full hit is one block short.
    const matchable = Math.min(blocks.keys.length, Math.floor((promptTokens - 1) / blockTokens));
    const hit = this.cache.match(blocks.keys, matchable);
    const fresh = this.#blocksFor(sequence.toCompute) - hit;
    const taken = fresh + this.cache.availableTakenBy(blocks.keys, hit) + this.#decodeBlocks(1);
    if (taken > this.cache.availableBlocks) return false;
    this.cache.hold(blocks.keys, 0, hit);
    this.cache.addPrivate(fresh);
    this.cache.evict();
    sequence.heldBlocks = hit;
    sequence.privateBlocks = fresh;
    const local = hit * blockTokens;
    const { transferredTokens = 0 } = sequence.work;
    sequence.computed = Math.max(local, Math.min(transferredTokens, promptTokens - 1));
    this.#share(sequence, sequence.computed);
    if (!sequence.hasBeenAdmitted) this.#countHits(sequence, local);
    return true;
  }

  #countHits(sequence: Sequence, local: number): void {
    sequence.hasBeenAdmitted = true;
    sequence.cachedTokens = sequence.computed;
    this.totals.prefixQueries += sequence.work.promptTokens;
    this.totals.prefixHits += local;
    this.totals.transferred += sequence.computed - local;
  }

  /** Decode steps until the first sequence ends or the blocks could run out, at least one. */
  #stepsUntilChange(sequences: number): number {
    let steps = Number.MAX_SAFE_INTEGER;
    for (const sequence of this.#running) steps = Math.min(steps, sequence.remaining);
    const blocksEach = Math.floor(this.cache.availableBlocks / sequences);
    return Math.max(1, Math.min(steps, (blocksEach - 1) * this.#limits.blockTokens));
  }

  #blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.#limits.blockTokens);
  }

  // ---- completing

  #advance(sequence: Sequence, count: number, atMs: number): void {
    const made = sequence.isDecoding ? count : this.#finishChunk(sequence, atMs);
    if (made > 0) this.#addTokens(sequence, made);
  }

  #hasEnded(sequence: Sequence, atMs: number): boolean {
    const isComplete = sequence.computed >= sequence.toCompute && sequence.remaining === 0;
    if (isComplete || sequence.isAborted) this.#end(sequence, atMs);
    return isComplete || sequence.isAborted;
  }

  /** Books the chunk a step computed; 1 when it ended the prompt and so made a token. */
  #finishChunk(sequence: Sequence, atMs: number): number {
    sequence.computed += sequence.chunk;
    sequence.chunk = 0;
    if (sequence.computed < sequence.toCompute) return 0;
    if (sequence.firstTokenAtMs === 0) {
      sequence.firstTokenAtMs = atMs;
      this.totals.promptTokens += sequence.work.promptTokens;
    }
    sequence.isDecoding = sequence.work.outputTokens > 0;
    return sequence.isDecoding ? 1 : 0;
  }

  #addTokens(sequence: Sequence, count: number): void {
    const from = sequence.made;
    sequence.made += count;
    this.totals.generationTokens += count;
    const blocks = this.#blocksFor(sequence.contextTokens - 1) - owned(sequence);
    if (blocks > 0) {
      sequence.privateBlocks += blocks;
      this.cache.addPrivate(blocks);
      this.cache.evict();
    }
    if (!sequence.isAborted) sequence.work.onTokens(sequence, from, count);
  }

  #end(sequence: Sequence, atMs: number): void {
    sequence.endedAtMs = atMs;
    if (sequence.made > 0) this.#shareOutput(sequence);
    const { keep } = sequence.work;
    if (keep && !sequence.isAborted) keep(() => this.#giveBack(sequence));
    else this.#giveBack(sequence);
    sequence.work.onEnd(sequence, sequence.isAborted ? "abort" : sequence.work.finishReason);
  }

  /** Leaves the blocks of the answer in the cache, for the next turn of a conversation. */
  #shareOutput(sequence: Sequence): void {
    const keys = sequence.work.blocks.following(sequence.contextTokens - 1);
    this.cache.addPrivate(-keys.length);
    sequence.privateBlocks -= keys.length;
    this.cache.hold(keys, 0, keys.length);
    this.cache.release(keys, keys.length);
  }

  #giveBack(sequence: Sequence): void {
    this.cache.addPrivate(-sequence.privateBlocks);
    this.cache.release(sequence.work.blocks.keys, sequence.heldBlocks);
    this.cache.evict();
    sequence.privateBlocks = 0;
    sequence.heldBlocks = 0;
  }
}

function owned(sequence: Sequence): number {
  return sequence.heldBlocks + sequence.privateBlocks;
}
