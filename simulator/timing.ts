/**
 * How long one forward pass of a model server takes.
 *
 *   step = base + prefill · P + attention · Σ chunk · (context before it + chunk / 2)
 *        + sequence · n + context · C
 *
 *   P  prompt tokens computed in this step (chunked prefill, all sequences together)
 *   n  sequences that decode one token in this step
 *   C  tokens of context those n sequences read
 *
 * It is the usual roofline of continuous batching: a fixed cost to read the weights, compute that
 * grows with prompt tokens, and memory traffic that grows with the context read. All constants are
 * microseconds. Anchors: for `qwen32b-2xh100` 15,928 tokens/s for one 8,192-token chunk and
 * 307,328 tokens of KV cache, both as published by llm-d for Qwen3-32B on two H100; for
 * `llama8b-1xh100` the coefficients of BLIS (inference-sim). Attention and decode terms follow from
 * FLOPs and memory bandwidth. Nothing here is fitted to one machine: it is meant to compare routing
 * policies, not to predict latency. `hintway-sim` is round: 60 ms for 1,000 cold tokens on an idle
 * server, 8 ms a decoded token.
 */
export interface Profile {
  baseUs: number;
  prefillUs: number;
  attentionUs: number;
  sequenceUs: number;
  contextUs: number;
  kvTokens: number;
  /** Bytes of KV cache a token: 2 · layers · KV heads · head size · bytes a value. */
  kvBytesPerToken: number;
}

/** What one step has to compute; the letters of the formula above. */
export interface StepLoad {
  prefillTokens: number;
  attentionPairs: number;
  sequences: number;
  contextTokens: number;
}

export const PROFILES: Record<string, Profile> = {
  "hintway-sim": {
    baseUs: 7_900,
    prefillUs: 52,
    attentionUs: 0.001,
    sequenceUs: 20,
    contextUs: 0.055,
    kvTokens: 467_280,
    kvBytesPerToken: 131_072,
  },
  "qwen32b-2xh100": {
    baseUs: 14_000,
    prefillUs: 54,
    attentionUs: 0.0021,
    sequenceUs: 50,
    contextUs: 0.055,
    kvTokens: 307_328,
    kvBytesPerToken: 262_144,
  },
  "llama8b-1xh100": {
    baseUs: 5_750,
    prefillUs: 24,
    attentionUs: 0.00105,
    sequenceUs: 6,
    contextUs: 0.055,
    kvTokens: 467_280,
    kvBytesPerToken: 131_072,
  },
};

/** Milliseconds of one step. */
export function stepMs(profile: Profile, load: StepLoad): number {
  const prefillUs = profile.prefillUs * load.prefillTokens;
  const attentionUs = profile.attentionUs * load.attentionPairs;
  return (prefillUs + attentionUs) / 1000 + decodeMs(profile, load, 1);
}

/** Milliseconds of `steps` steps in a row that only decode: each adds n tokens to the context. */
export function decodeMs(profile: Profile, load: StepLoad, steps: number): number {
  const firstUs =
    profile.baseUs + profile.sequenceUs * load.sequences + profile.contextUs * load.contextTokens;
  const growthUs = profile.contextUs * load.sequences;
  return (steps * firstUs + (growthUs * steps * (steps - 1)) / 2) / 1000;
}

/** Whole decode steps that fit in `elapsedMs`; the inverse of decodeMs, at most `stepsMax`. */
export function decodeStepsWithin(
  profile: Profile,
  load: StepLoad,
  elapsedMs: number,
  stepsMax: number,
): number {
  const growthUs = profile.contextUs * load.sequences;
  const linearUs = decodeMs(profile, load, 1) * 1000 - growthUs / 2;
  const elapsedUs = Math.max(0, elapsedMs) * 1000;
  const discriminant = Math.sqrt(linearUs * linearUs + 2 * growthUs * elapsedUs);
  // The form 2c / (b + √…) of the root is exact for a growth of zero too.
  const steps = Math.floor((2 * elapsedUs) / (linearUs + discriminant) + 1e-9);
  return Math.min(stepsMax, steps);
}
