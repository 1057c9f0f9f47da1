// A scheduling profile as the filter runs it: steps in order, filters first, then scorers, then one
// picker. What depends only on the endpoint is summed by the control plane into the LOAD score;
// what depends on the request, on the other candidates or on what is in flight is a step.
//
// A step is 32 bytes: operation u32, weight f32, then six parameters f32 (or u32 where noted).

export const STEP_BYTES: u32 = 32;
export const STEP_OPERATION: u32 = 0;
export const STEP_WEIGHT: u32 = 4;
export const STEP_PARAMETERS: u32 = 8;

// Filters. One that would leave nobody ends the request with 429, except where noted.
/** Parameter 0 (u32): which label bit an endpoint must have. */
export const FILTER_LABEL: u32 = 1;
/** threshold, exploration probability, most TTFT penalty ms, peak prefill tokens/s. Never empties. */
export const FILTER_PREFIX_AFFINITY: u32 = 2;
/** The endpoint the client's session header names. Never empties. */
export const FILTER_SESSION: u32 = 3;

// Scorers. Each scores 0 to 1; the sum of score × weight decides.
/** The score summed by the control plane; weight 1. Fades with staleness. */
export const SCORE_PUSHED: u32 = 16;
/** (most − waiting) / (most − least) over the candidates; all equal is 1. */
export const SCORE_QUEUE: u32 = 17;
/** The same over running requests. */
export const SCORE_RUNNING: u32 = 18;
/** idle threshold, most score of a busy endpoint. */
export const SCORE_ACTIVE_REQUEST: u32 = 19;
/** threshold tokens. */
export const SCORE_TOKEN_LOAD: u32 = 20;
/** weight of match length, scale in tokens. */
export const SCORE_PREFIX: u32 = 21;
export const SCORE_LORA: u32 = 22;
/** entries remembered. */
export const SCORE_NO_HIT_LRU: u32 = 23;
/** 1 for the endpoint the client's session header names. */
export const SCORE_SESSION: u32 = 24;
/** gamma, alpha, omega, ghost credit, ghost size as a multiple of the capacity. */
export const SCORE_TOKEN_COST: u32 = 25;

// Pickers. Parameter 0 (u32): most endpoints named.
export const PICK_MAX_SCORE: u32 = 32;
export const PICK_RANDOM: u32 = 33;
export const PICK_WEIGHTED_RANDOM: u32 = 34;
