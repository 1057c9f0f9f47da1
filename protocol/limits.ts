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
/** Models and adapters that lead to one pool by name. */
export const POOL_MODELS_MAX: u32 = 256;
/** Endpoints a destination may name after the pick, for Envoy to retry on; and how many it does. */
export const FALLBACKS_MAX: u32 = 7;
export const FALLBACKS_STANDARD: u32 = 2;
/** `ip:port` as text; IPv6 in brackets fits. */
export const ADDRESS_BYTES_MAX: u32 = 56;
/** One frame, header included. */
export const FRAME_BYTES_MAX: u32 = 8 * 1024 * 1024;
/** Keys of one prompt: 4 MiB walked, in blocks of 1 KiB, and one key each for tools and system. */
export const PROMPT_KEYS_MAX: u32 = 4104;
/** Smallest and largest block; a block is a multiple of the 64-byte stripe. */
export const BLOCK_BYTES_MIN: u32 = 256;
export const BLOCK_BYTES_MAX: u32 = 65536;
/** Virtual machines of one gateway: workers, two of the main thread, and some being replaced. */
export const VMS_MAX: u32 = 64;
