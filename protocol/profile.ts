// A scheduling profile as the filter runs it: steps in order, filters first, then scorers, then one
// picker. What depends only on the endpoint is computed by the control plane into a value of the
// endpoint (LOAD); what depends on the request, on the other candidates or on what is in flight is a
// step, which may name a value, or one of the pool's headers, by its number.
//
// A step is 40 bytes: operation u32, weight f32, then eight parameters: those marked # are u32 and come
// first, the others are f32. Caps that nobody sets are NO_CAP.

export const STEP_BYTES: u32 = 40;
export const STEP_OPERATION: u32 = 0;
export const STEP_WEIGHT: u32 = 4;
export const STEP_PARAMETERS: u32 = 8;

export const NO_CAP: f32 = 3e38;

// Filters. One that would leave nobody ends the request with 429, except where noted.
/** #label bit an endpoint must have. */
export const FILTER_LABEL: u32 = 1;
/** threshold, exploration probability, most TTFT penalty ms, peak prefill tokens/s. Never empties. */
export const FILTER_PREFIX_AFFINITY: u32 = 2;
/** #header. The endpoint it names. Never empties. */
export const FILTER_SESSION: u32 = 3;
/** #value, #comparison, #flags, threshold. */
export const FILTER_VALUE: u32 = 4;
/** #flags, most requests in flight, most running, most waiting, most KV use. */
export const FILTER_UTILIZATION: u32 = 5;
/** waiting and KV use to stay below, ms after which a reading is stale. Never empties. */
export const FILTER_UTILIZATION_DETECTOR: u32 = 6;
/** requests and prefill tokens in flight to stay below. */
export const FILTER_CONCURRENCY_DETECTOR: u32 = 7;
/** #value: the least tokens of a prompt; the next value: the most. */
export const FILTER_CONTEXT_LENGTH: u32 = 8;
/** #header. The endpoints it lists, at most LISTED_MAX of them. */
export const FILTER_LISTED: u32 = 9;

/** Flag of FILTER_VALUE and FILTER_UTILIZATION: all are kept where none would be. */
export const KEEPS_ALL_RATHER_THAN_NONE: u32 = 1;
/** Flag of FILTER_VALUE: an endpoint without the value is kept. */
export const KEEPS_MISSING: u32 = 2;

export const COMPARE_LESS: u32 = 0;
export const COMPARE_LESS_OR_EQUAL: u32 = 1;
export const COMPARE_GREATER: u32 = 2;
export const COMPARE_GREATER_OR_EQUAL: u32 = 3;
export const COMPARE_EQUAL: u32 = 4;
export const COMPARE_NOT_EQUAL: u32 = 5;

// Scorers. Each scores 0 to 1; the sum of score × weight decides.
/** #value: a sum made by the control plane, which is not clamped; weight 1. Fades with staleness. */
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
/** #header. 1 for the endpoint it names. */
export const SCORE_SESSION: u32 = 24;
/** gamma, alpha, omega, ghost credit, ghost size as a multiple of the capacity, beta. */
export const SCORE_TOKEN_COST: u32 = 25;
/** #value, #flags, then the least and the most of a fixed range. */
export const SCORE_VALUE: u32 = 26;
/** #value: the least tokens of a prompt; the next value: the most. */
export const SCORE_CONTEXT_LENGTH: u32 = 27;
/** #header, #value: the hash (low) of the only header value that scores 1; the next value: high. */
export const SCORE_HEADER_LABEL: u32 = 28;

/** Flags of SCORE_VALUE; without FIXED_RANGE the candidates' least and most are the range. */
export const LOWER_IS_BETTER: u32 = 1;
export const FIXED_RANGE: u32 = 2;

// Pickers. #most endpoints named.
export const PICK_MAX_SCORE: u32 = 32;
export const PICK_RANDOM: u32 = 33;
export const PICK_WEIGHTED_RANDOM: u32 = 34;

// Rules of ADMISSION, for requests of a priority below 0.
/** waiting and KV use of a saturated endpoint, ms after which a reading is stale. */
export const REJECT_UTILIZATION: u32 = 48;
/** requests and prefill tokens in flight of a saturated endpoint. */
export const REJECT_CONCURRENCY: u32 = 49;
/** waiting and KV use of a saturated endpoint, power, factor: rejects at random. */
export const REJECT_PROBABLY: u32 = 50;

/** How many of an operation's first parameters are u32. */
export function wholeParameters(operation: u32): u32 {
  switch (operation) {
    case FILTER_VALUE:
      return 3;
    case SCORE_VALUE:
    case SCORE_HEADER_LABEL:
      return 2;
    case FILTER_LABEL:
    case FILTER_SESSION:
    case FILTER_UTILIZATION:
    case FILTER_CONTEXT_LENGTH:
    case FILTER_LISTED:
    case SCORE_PUSHED:
    case SCORE_SESSION:
    case SCORE_CONTEXT_LENGTH:
      return 1;
    default:
      return operation >= PICK_MAX_SCORE && operation < REJECT_UTILIZATION ? 1 : 0;
  }
}
