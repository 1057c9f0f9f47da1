// Every limit of the wire, named once. The filter refuses what exceeds one of them; the control
// plane never sends it.

/** Protocol versions this tree speaks. A peer that speaks none of them is refused by name. */
export const VERSION_MIN: u32 = 1;
export const VERSION_MAX: u32 = 1;

export const POOLS_MAX: u32 = 64;
/** Endpoints of one pool. */
export const POOL_ENDPOINTS_MAX: u32 = 1024;
/** Endpoint slots over all pools of one control plane. A slot is reused when its endpoint is gone. */
export const SLOTS_MAX: u32 = 4096;
/** Filters, scorers and picker of one profile. */
export const PROFILE_STEPS_MAX: u32 = 32;
/** Profiles of one pool, and the steps of all of them. */
export const PROFILES_MAX: u32 = 8;
export const POOL_STEPS_MAX: u32 = 64;
/** Request headers that a pool's profiles look at, and the bytes of a name. */
export const HEADERS_MAX: u32 = 8;
export const HEADER_NAME_BYTES_MAX: u32 = 56;
/** Values told of one endpoint for the profiles' steps. A power of two: numbers are masked by it. */
export const VALUES_MAX: u32 = 16;
/** LoRA adapters told of one endpoint. */
export const ADAPTERS_MAX: u32 = 64;
/** Endpoints a destination may name after the pick, for Envoy to retry on; and how many it does. */
export const FALLBACKS_MAX: u32 = 7;
export const FALLBACKS_STANDARD: u32 = 2;
/** Models, adapters included, of which a gateway with several pools knows the pool; and their list. */
export const MODELS_MAX: u32 = 1024;
export const MODELS_TEXT_BYTES_MAX: u32 = 256 * 1024;
/** Rules that give requests another model, over all pools, and the models they name. */
export const REWRITE_RULES_MAX: u32 = 1024;
export const REWRITE_TARGETS_MAX: u32 = 1024;
export const REWRITE_WEIGHT_MAX: u32 = 1_000_000;
/** A model's name that a rule names, as a JSON string; and all of them. */
export const REWRITE_NAME_BYTES_MAX: u32 = 512;
export const REWRITE_TEXT_BYTES_MAX: u32 = 128 * 1024;
/** Objectives of all pools, by which requests are given a priority; rules that admit them. */
export const OBJECTIVES_MAX: u32 = 1024;
export const RULES_MAX: u32 = 2;
/** Endpoints that a request's header may list for FILTER_LISTED; those after them do not count. */
export const LISTED_MAX: u32 = 8;
/** Keys that the index of one machine, and of the control plane, may hold over all pools. */
export const INDEX_KEYS_MAX: u32 = 1_000_000;
/** Blocks of one endpoint's cache: more than the whole index holds is not told. */
export const CAPACITY_BLOCKS_MAX: u32 = 1_000_000;
/** How far back an index may remember what an endpoint held, as a multiple of its capacity. */
export const GHOST_SIZE_MAX: u32 = 64;
/** A scorer's weight, and the weighted sum of scores that is pushed; either may be negative. */
export const WEIGHT_MAX: f32 = 1_000_000;
export const SCORE_MAX: f32 = 32_000_000;
/** How many times as long as its pool's mean an endpoint may be said to take for a prompt byte. */
export const SLOWNESS_MAX: f32 = 64;
/** `ip:port` as text; IPv6 in brackets fits. */
export const ADDRESS_BYTES_MAX: u32 = 56;
/** One frame, header included. */
export const FRAME_BYTES_MAX: u32 = 4 * 1024 * 1024;
/** Keys of one prompt: 4 MiB walked in the smallest blocks, and one key each for tools and system. */
export const PROMPT_KEYS_MAX: u32 = 4112;
/** Smallest and largest block; a block is a multiple of the 64-byte stripe. */
export const BLOCK_BYTES_MIN: u32 = 256;
export const BLOCK_BYTES_MAX: u32 = 65536;
/** Virtual machines of one gateway: workers, two of the main thread, and some being replaced. */
export const VMS_MAX: u32 = 64;
/** Calls to prefill endpoints under way in one machine. */
export const LEGS_MAX: u32 = 4096;
/** Of a request that is sent to a prefill endpoint; the body of a longer one is decoded alone. */
export const LEG_BODY_BYTES_MAX: u32 = 4 * 1024 * 1024;
/** Transfer parameters that a prefill endpoint may answer; with more, its answer is of no use. */
export const TRANSFER_BYTES_MAX: u32 = 256 * 1024;
/** What the engine of a prefill endpoint is called, where decode has to say it: an identifier. */
export const ENGINE_ID_BYTES_MAX: u32 = 128;
/** Different media of one request that are encoded elsewhere; with more, none of them is. */
export const ENCODED_ITEMS_MAX: u32 = 16;
/** Transfer parameters of all of a request's media; those beyond are encoded where the prompt is read. */
export const ENCODINGS_BYTES_MAX: u32 = 256 * 1024;
/** How long prefill may take, and each encoder. */
export const LEG_TIMEOUT_MS_MAX: u32 = 3_600_000;
/** Prefill endpoints tried for one request. */
export const LEG_TRIES_MAX: u32 = 8;
