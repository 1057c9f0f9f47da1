// How long an endpoint takes to read a prompt against its pool's others, learned from the time to the
// first byte of streamed answers over the work that came before it. The mean is of logarithms: a
// request that met a long step says little about the endpoint, and no single one may weigh much.

/** Work before a request's first byte, in tokens. */
export interface Reading {
  promptTokens: number;
  uncachedTokens: number;
  /** Uncached ones of requests that waited before it. */
  aheadTokens: number;
}

/** What a step costs that computes next to nothing, as tokens: 14 ms at 54 µs a token, for example. */
const STEP_TOKENS = 256;
/** With this much context, attention costs a token about as much as all else. */
const CONTEXT_TOKENS = 32_768;
/** Evidence is forgotten with this time constant, so that an endpoint that recovers is tried again. */
const FADE_MS = 300_000;
/** Requests as the pool's mean that every endpoint is taken to have answered. */
const BELIEVED_REQUESTS = 2;
/** Endpoints as close to the pool's mean as this factor are alike: what they happen to serve differs. */
const ALIKE = 1.25;

export class Slowness {
  #logs = 0;
  #requests = 0;
  #atMs = 0;

  /** A request had its first byte after `ms`. One that waited for others mostly tells of them. */
  learn(reading: Reading, ms: number, nowMs: number): void {
    if (reading.aheadTokens > reading.uncachedTokens || ms <= 0) return;
    this.#fade(nowMs);
    this.#logs += Math.log(ms / workOf(reading));
    this.#requests++;
  }

  /** How many times as long it takes here as in the whole pool; 1 where it is alike, or not known. */
  over(pool: Slowness, nowMs: number): number {
    this.#fade(nowMs);
    if (pool.#requests < 1) return 1;
    const mean = pool.#logs / pool.#requests;
    const logs = this.#logs + BELIEVED_REQUESTS * mean;
    const times = Math.exp(logs / (this.#requests + BELIEVED_REQUESTS) - mean);
    return times > 1 / ALIKE && times < ALIKE ? 1 : times;
  }

  #fade(nowMs: number): void {
    const atMs = Math.max(nowMs, this.#atMs);
    const kept = Math.exp((this.#atMs - atMs) / FADE_MS);
    this.#atMs = atMs;
    this.#logs *= kept;
    this.#requests *= kept;
  }
}

/** In tokens without context. */
function workOf({ promptTokens, uncachedTokens, aheadTokens }: Reading): number {
  const contextTokens = promptTokens - uncachedTokens / 2;
  return uncachedTokens * (1 + contextTokens / CONTEXT_TOKENS) + aheadTokens + STEP_TOKENS;
}
