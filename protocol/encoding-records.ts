// How media are encoded elsewhere: a record beside those of records.ts.

/** How one pool has media encoded. Only of pools that do, behind their DISAGGREGATION. */
export const ENCODING: u32 = 14;
//   0 pool   4 decider   8 its parameters (2, f32)   16 profile that picks   20 encodings' connector
export const ENCODING_POOL: u32 = 0;
export const ENCODING_DECIDER: u32 = 4;
export const ENCODING_PARAMETERS: u32 = 8;
export const ENCODING_PROFILE: u32 = 16;
export const ENCODING_CONNECTOR: u32 = 20;
export const ENCODING_BYTES: u32 = 24;

/** Who reads the prompt fetches encodings, by parameters of the encoders' answers. */
export const ENCODINGS_NIXL: u32 = 0;
/** Both know the place. */
export const ENCODINGS_SHARED_STORAGE: u32 = 1;

/** What a LEG ran. */
export const LEG_STAGE_PREFILL: u32 = 0;
export const LEG_STAGE_ENCODE: u32 = 1;

// Flags of a DONE, beside those there.
/** Its media were to be encoded elsewhere. */
export const DONE_FLAG_ENCODED: u32 = 2048;
/** Not all of them were: who read the prompt encoded the others, or the client got an error. */
export const DONE_FLAG_ENCODE_FAILED: u32 = 4096;
