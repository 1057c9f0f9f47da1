// Kinds of record and the offset of each field in the record's body. A decoder skips a kind it does
// not know and ignores bytes after the fields it knows, so that a later version may add both.

// ---- hints: control plane → gateway -----------------------------------------------------------

/** Numbers that hold for the whole gateway. Part of a whole table. */
export const SETTINGS: u32 = 1;
//   0 stale after ms    4 blind after ms   8 body bytes held at most, a request
//  12 bytes held at most, a worker        16 bytes walked at most
//  20 report period ms                    24 settings flags  28 keys the index may hold
//  32 fallbacks named after the pick
export const SETTINGS_STALE_MS: u32 = 0;
export const SETTINGS_BLIND_MS: u32 = 4;
export const SETTINGS_BODY_BYTES: u32 = 8;
export const SETTINGS_HELD_BYTES: u32 = 12;
export const SETTINGS_WALK_BYTES: u32 = 16;
export const SETTINGS_REPORT_MS: u32 = 20;
export const SETTINGS_FLAGS: u32 = 24;
export const SETTINGS_INDEX_KEYS: u32 = 28;
export const SETTINGS_FALLBACKS: u32 = 32;
export const SETTINGS_BYTES: u32 = 36;
/** Clients may ask for `x-hintway-explain`. */
export const SETTINGS_FLAG_EXPLAIN: u32 = 1;
/** Picks are made and told, and steer nothing. */
export const SETTINGS_FLAG_SHADOW: u32 = 2;
/** Nothing is picked; wins over SHADOW. */
export const SETTINGS_FLAG_OFF: u32 = 4;
/** Each pick is left where Envoy's access log finds it. */
export const SETTINGS_FLAG_ACCESS_LOG: u32 = 8;

/** One pool. Part of a whole table. */
export const POOL: u32 = 2;
//   0 pool           4 cluster name hash (low, high)     12 bytes of a block
//  16 bytes of a token, times 1,000      20 profiles     24 steps of all profiles
//  28 name bytes   32 bytes of header names
//  36 number of the header whose value names the profile, or NO_NUMBER: the first profile runs
//  40 number of the profile that runs where this header is absent, or NO_NUMBER: none does
//  44 pool flags
//  48 profiles, PROFILE_BYTES each; then steps, STEP_BYTES each; then the name, padded; then the
//     lower-case names of headers that steps look at, a zero behind each, padded
export const POOL_NUMBER: u32 = 0;
export const POOL_CLUSTER_LOW: u32 = 4;
export const POOL_CLUSTER_HIGH: u32 = 8;
export const POOL_BLOCK_BYTES: u32 = 12;
export const POOL_TOKEN_MILLIBYTES: u32 = 16;
export const POOL_PROFILES: u32 = 20;
export const POOL_STEPS: u32 = 24;
export const POOL_NAME_BYTES: u32 = 28;
export const POOL_HEADERS_BYTES: u32 = 32;
export const POOL_PROFILE_HEADER: u32 = 36;
export const POOL_DEFAULT_PROFILE: u32 = 40;
export const POOL_FLAGS: u32 = 44;
export const POOL_BYTES: u32 = 48;
/** No model leads to it: it is listed no more, or Envoy may not have its cluster yet. */
export const POOL_FLAG_ASIDE: u32 = 1;
export const NO_NUMBER: u32 = 0xffffffff;

//   0 name hash (low, high)    8 steps
export const PROFILE_NAME_LOW: u32 = 0;
export const PROFILE_NAME_HIGH: u32 = 4;
export const PROFILE_STEPS: u32 = 8;
export const PROFILE_BYTES: u32 = 12;

/** One endpoint. Part of a whole table. */
export const ENDPOINT: u32 = 3;
//   0 slot   4 pool   8 label bits   12 index capacity in blocks   16 address bytes
//  20 address as text `ip:port`, padded
export const ENDPOINT_SLOT: u32 = 0;
export const ENDPOINT_POOL: u32 = 4;
/** Bit i: the endpoint passes the pool's label filter number i. */
export const ENDPOINT_LABELS: u32 = 8;
export const ENDPOINT_CAPACITY_BLOCKS: u32 = 12;
export const ENDPOINT_ADDRESS_BYTES: u32 = 16;
export const ENDPOINT_BYTES: u32 = 20;

/** What is known of one endpoint at this moment; replaces what was known. */
export const LOAD: u32 = 4;
//   0 slot        4 state         8 ms since the last good probe
//  12 waiting    16 running      20 KV cache use, fraction f32
//  24 requests in flight from other gateways      28 their uncached prompt bytes not yet answered
//  32 their prompt bytes in flight                36 most adapters at once
//  40 adapters active   44 adapters waiting       48 values
//  52 other gateways' requests not yet answered
//  56 requests that passed no gateway: waiting   60 in all
//  64 how long a prompt byte takes there over the pool's mean, f32: 3 is three times as long
//  68 adapters' name hashes, 8 bytes each, active ones first; then the values, 4 bytes each, which
//     the profiles' steps look at by their number: f32, where a NaN is none, or as the step says
export const LOAD_SLOT: u32 = 0;
export const LOAD_STATE: u32 = 4;
export const LOAD_PROBE_AGE_MS: u32 = 8;
export const LOAD_WAITING: u32 = 12;
export const LOAD_RUNNING: u32 = 16;
export const LOAD_KV_USE: u32 = 20;
export const LOAD_OTHER_REQUESTS: u32 = 24;
export const LOAD_OTHER_BACKLOG_BYTES: u32 = 28;
export const LOAD_OTHER_RESIDENT_BYTES: u32 = 32;
export const LOAD_ADAPTERS_MOST: u32 = 36;
export const LOAD_ADAPTERS_ACTIVE: u32 = 40;
export const LOAD_ADAPTERS_WAITING: u32 = 44;
export const LOAD_VALUES: u32 = 48;
export const LOAD_OTHER_UNANSWERED: u32 = 52;
export const LOAD_FOREIGN_WAITING: u32 = 56;
export const LOAD_FOREIGN_REQUESTS: u32 = 60;
export const LOAD_SLOWNESS: u32 = 64;
export const LOAD_BYTES: u32 = 68;
/** `LOAD_PROBE_AGE_MS` of an endpoint that was never probed well. */
export const AGE_UNKNOWN_MS: u32 = 0xffffffff;

export const STATE_UP: u32 = 0;
/** Keeps its running requests, gets no further picks. */
export const STATE_DRAINING: u32 = 1;
/** Does not answer probes. */
export const STATE_DOWN: u32 = 2;
/** Answers, and says it cannot serve. */
export const STATE_ASLEEP: u32 = 3;

/** How far the sender has told: what the next poll says it knows. Last record of a hints frame. */
export const POSITION: u32 = 5;
export const POSITION_TABLE: u32 = 0;
export const POSITION_LOADS: u32 = 4;
export const POSITION_INDEX: u32 = 8;
/** Who counted these: a random number of a process. What one counted means nothing to another. */
export const POSITION_ORIGIN: u32 = 12;
export const POSITION_BYTES: u32 = 16;

/** Which pool serves which model, where there are several pools. Part of a whole table. */
export const MODELS: u32 = 6;
//   0 models   4 models flags   8 bytes of text   12 models, MODEL_BYTES each; then the text that
//     answers `GET /v1/models`, JSON
export const MODELS_COUNT: u32 = 0;
export const MODELS_FLAGS: u32 = 4;
export const MODELS_TEXT_BYTES: u32 = 8;
export const MODELS_BYTES: u32 = 12;
/** Every pool's models are known: what is not among these, no pool serves. */
export const MODELS_FLAG_ALL: u32 = 1;

//   0 name hash (low, high)    8 pool
export const MODEL_NAME_LOW: u32 = 0;
export const MODEL_NAME_HIGH: u32 = 4;
export const MODEL_POOL: u32 = 8;
export const MODEL_BYTES: u32 = 12;

/** Rules that give a request another model than it names. Part of a whole table. */
export const REWRITES: u32 = 7;
//   0 rules   4 targets   8 bytes of text   12 rules, RULE_BYTES each, the first that matches
//     counts; then targets, TARGET_BYTES each; then the text: names as JSON strings
export const REWRITES_RULES: u32 = 0;
export const REWRITES_TARGETS: u32 = 4;
export const REWRITES_TEXT_BYTES: u32 = 8;
export const REWRITES_BYTES: u32 = 12;

//   0 hash of the name that a request has (low, high)   8 rule flags
//  12 pool whose requests it is for, or NO_NUMBER: all  16 first target   20 targets
export const RULE_NAME_LOW: u32 = 0;
export const RULE_NAME_HIGH: u32 = 4;
export const RULE_FLAGS: u32 = 8;
export const RULE_POOL: u32 = 12;
export const RULE_FIRST: u32 = 16;
export const RULE_TARGETS: u32 = 20;
export const RULE_BYTES: u32 = 24;
/** It matches a request whatever its model, and one without. Such rules stand behind all others. */
export const RULE_FLAG_ANY: u32 = 1;

//   0 name hash (low, high)   8 weight among the rule's targets   12 offset in the text   16 bytes
export const TARGET_NAME_LOW: u32 = 0;
export const TARGET_NAME_HIGH: u32 = 4;
export const TARGET_WEIGHT: u32 = 8;
export const TARGET_TEXT: u32 = 12;
export const TARGET_TEXT_BYTES: u32 = 16;
export const TARGET_BYTES: u32 = 20;
/** Which requests of a pool may be turned away when it is saturated. Part of a whole table. */
export const ADMISSION: u32 = 8;
//   0 pool   4 rules   8 objectives
//  12 rules, STEP_BYTES each (profile.ts): any of them may turn away a request of a priority below 0;
//     then objectives, OBJECTIVE_BYTES each
export const ADMISSION_POOL: u32 = 0;
export const ADMISSION_RULES: u32 = 4;
export const ADMISSION_OBJECTIVES: u32 = 8;
export const ADMISSION_BYTES: u32 = 12;

//   0 name hash (low, high)    8 priority, i32
export const OBJECTIVE_NAME_LOW: u32 = 0;
export const OBJECTIVE_NAME_HIGH: u32 = 4;
export const OBJECTIVE_PRIORITY: u32 = 8;
export const OBJECTIVE_BYTES: u32 = 12;

/** How one pool disaggregates prefill from decode. Only of pools that do. Part of a whole table. */
export const DISAGGREGATION: u32 = 12;
//   0 pool   4 disaggregation flags   8 decider   12 its parameters (2, f32)
//  20 profile that picks for decode alone, and to compare with   24 for prefill
//  28 for decode once prefill has answered      32 connector     36 what is done when prefill fails
//  40 ms that prefill may take                  44 prefill endpoints tried at most
export const DISAGGREGATION_POOL: u32 = 0;
export const DISAGGREGATION_FLAGS: u32 = 4;
export const DISAGGREGATION_DECIDER: u32 = 8;
export const DISAGGREGATION_PARAMETERS: u32 = 12;
export const DISAGGREGATION_DECODE: u32 = 20;
export const DISAGGREGATION_PREFILL: u32 = 24;
export const DISAGGREGATION_TRANSFERRED: u32 = 28;
export const DISAGGREGATION_CONNECTOR: u32 = 32;
export const DISAGGREGATION_FAILURE: u32 = 36;
export const DISAGGREGATION_TIMEOUT_MS: u32 = 40;
export const DISAGGREGATION_TRIES: u32 = 44;
export const DISAGGREGATION_BYTES: u32 = 48;
/** Endpoints are told apart by their roles; without it, the profiles' own filters do that. */
export const DISAGGREGATION_FLAG_ROLES: u32 = 1;

// Deciders: whether prefill runs elsewhere.
export const DECIDE_NEVER: u32 = 0;
export const DECIDE_ALWAYS: u32 = 1;
/** least tokens that are not cached on the decode endpoint (0: never), least tokens of a prompt. */
export const DECIDE_UNCACHED: u32 = 2;
/** By time: there, given its load, against prefill elsewhere and the transfer. */
export const DECIDE_TIME: u32 = 3;
/** Where the prompt has an image, a sound or a video. */
export const DECIDE_MEDIA: u32 = 4;

/** What is done when prefill fails on the last endpoint tried. */
export const FAILURE_DECODE_ALONE: u32 = 0;
export const FAILURE_ERROR: u32 = 1;

/** Part of an endpoint in disaggregation. Of endpoints that have one. Part of a whole table. */
export const ROLE: u32 = 13;
//   0 slot   4 roles   8 connector, or CONNECTOR_OF_POOL   12 hash of what partners share (low, high)
//     (equal in a pair; 0 is paired with any)   20 tensor-parallel size, 0 unknown; not larger at prefill
//  24 port of its bootstrap server   28 data-parallel rank   32 bytes of its engine's name   36 name, plain in JSON
export const ROLE_SLOT: u32 = 0;
export const ROLE_ROLES: u32 = 4;
export const ROLE_CONNECTOR: u32 = 8;
export const ROLE_GROUP_LOW: u32 = 12;
export const ROLE_GROUP_HIGH: u32 = 16;
export const ROLE_TENSOR_PARALLEL: u32 = 20;
export const ROLE_PORT: u32 = 24;
export const ROLE_RANK: u32 = 28;
export const ROLE_ENGINE_BYTES: u32 = 32;
export const ROLE_BYTES: u32 = 36;
export const ROLE_PREFILL: u32 = 1;
export const ROLE_DECODE: u32 = 2;
export const ROLE_ENCODE: u32 = 4;

// How prefill's cache comes to decode: by parameters of prefill's answer (NIXL, MoRI-IO's reading mode), by a
// place that both know (shared storage, LMCache), or by a number that the gateway tells both (the others).
export const CONNECTOR_OF_POOL: u32 = 0;
export const CONNECTOR_NIXL: u32 = 1;
export const CONNECTOR_SHARED_STORAGE: u32 = 2;
export const CONNECTOR_SGLANG: u32 = 3;
export const CONNECTOR_MOONCAKE: u32 = 4;
export const CONNECTOR_OFFLOADING: u32 = 5;

// ---- both ways --------------------------------------------------------------------------------

/** A pick somebody made: its keys are on that endpoint from here on. */
export const PICK: u32 = 16;
//   0 slot   4 pick flags   8 uncached prompt bytes   12 blocks of the prompt   16 keys
//  20 8 bytes a key
export const PICK_SLOT: u32 = 0;
export const PICK_FLAGS: u32 = 4;
export const PICK_UNCACHED_BYTES: u32 = 8;
export const PICK_BLOCKS: u32 = 12;
export const PICK_KEYS: u32 = 16;
export const PICK_BYTES: u32 = 20;
/** The keys are used again, not picked: the request has ended on an otherwise idle endpoint. */
export const PICK_FLAG_TOUCH: u32 = 1;
/** The keys never got there: the endpoint failed before it answered. */
export const PICK_FLAG_REMOVE: u32 = 2;
/** Nobody that might have been picked held anything of the prompt. */
export const PICK_FLAG_COLD: u32 = 4;

/** A part of an index as it stands. Seeds a control plane, a gateway or a worker that has none. */
export const ENTRIES: u32 = 17;
//   0 entries   4 entries of 12 bytes: key (low, high), holder
//
// A holder is a slot in the upper 12 bits, and in the lower 20 the key's age there: blocks that the
// endpoint was sent since it used the key.
export const ENTRIES_COUNT: u32 = 0;
export const ENTRIES_BYTES: u32 = 4;
export const ENTRY_HOLDER: u32 = 8;
export const ENTRY_BYTES: u32 = 12;

// ---- reports: gateway → control plane, and worker → worker --------------------------------------

/** Who reports or polls, and what it knows. First record of a poll and of every report. */
export const GATEWAY: u32 = 32;
//   0 gateway id (16 bytes)   16 lowest version spoken   20 highest   24 generation known
//  28 table  32 loads  36 index: positions known         40 ms the poll may be held
//  44 origin of these positions                          48 ms since they were told
export const GATEWAY_ID: u32 = 0;
export const GATEWAY_VERSION_MIN: u32 = 16;
export const GATEWAY_VERSION_MAX: u32 = 20;
export const GATEWAY_GENERATION: u32 = 24;
export const GATEWAY_TABLE: u32 = 28;
export const GATEWAY_LOADS: u32 = 32;
export const GATEWAY_INDEX: u32 = 36;
export const GATEWAY_HOLD_MS: u32 = 40;
export const GATEWAY_ORIGIN: u32 = 44;
export const GATEWAY_TOLD_MS: u32 = 48;
export const GATEWAY_BYTES: u32 = 52;

/** The sender's own share of one endpoint, absolute; replaces what it said before. */
export const FLIGHT: u32 = 33;
//   0 slot   4 requests   8 uncached prompt bytes not yet answered   12 prompt bytes   16 unanswered
export const FLIGHT_SLOT: u32 = 0;
export const FLIGHT_REQUESTS: u32 = 4;
export const FLIGHT_BACKLOG_BYTES: u32 = 8;
export const FLIGHT_RESIDENT_BYTES: u32 = 12;
/** Requests with a prompt of which no byte of the answer came. */
export const FLIGHT_UNANSWERED: u32 = 16;
export const FLIGHT_BYTES: u32 = 20;

/** One request that has ended. */
export const DONE: u32 = 34;
//   0 slot, or NO_SLOT   4 status   8 done flags   12 prompt bytes
//  16 bytes believed cached at the pick      20 prompt tokens   24 cached tokens
//  28 completion tokens (NO_COUNT: not told) 32 ms to the first body byte   36 ms in all
//  40 model name hash (low, high)            48 stage at the pick     52 pool; none from POOLS_MAX on
//  56 uncached prompt bytes that waited on the endpoint before it at the pick
//  60 slot that was picked, or NO_SLOT        64 bytes believed cached there
//  68 reason (reasons.ts)                     72 priority, i32
export const DONE_SLOT: u32 = 0;
export const DONE_STATUS: u32 = 4;
export const DONE_FLAGS: u32 = 8;
export const DONE_PROMPT_BYTES: u32 = 12;
export const DONE_MATCHED_BYTES: u32 = 16;
export const DONE_PROMPT_TOKENS: u32 = 20;
export const DONE_CACHED_TOKENS: u32 = 24;
export const DONE_COMPLETION_TOKENS: u32 = 28;
export const DONE_FIRST_BYTE_MS: u32 = 32;
export const DONE_TOTAL_MS: u32 = 36;
export const DONE_MODEL_LOW: u32 = 40;
export const DONE_MODEL_HIGH: u32 = 44;
export const DONE_STAGE: u32 = 48;
export const DONE_POOL: u32 = 52;
export const DONE_AHEAD_BYTES: u32 = 56;
export const DONE_PICKED_SLOT: u32 = 60;
export const DONE_PICKED_MATCHED_BYTES: u32 = 64;
export const DONE_REASON: u32 = 68;
export const DONE_PRIORITY: u32 = 72;
export const DONE_BYTES: u32 = 76;
export const NO_SLOT: u32 = 0xffffffff;
export const NO_COUNT: u32 = 0xffffffff;
/** Another endpoint than the picked one served. */
export const DONE_FLAG_RETRIED: u32 = 1;
/** The gateway answered: nothing was served. */
export const DONE_FLAG_LOCAL: u32 = 2;
/** The stream began and did not reach its end. */
export const DONE_FLAG_CUT: u32 = 4;
export const DONE_FLAG_STREAMED: u32 = 8;
/** The body could not be read as a prompt: picked by load alone. */
export const DONE_FLAG_UNREAD: u32 = 16;
/** The pick had no effect: the attachment does not hold the request. */
export const DONE_FLAG_NO_EFFECT: u32 = 32;
/** The pick was not to have any: Envoy's own policy chose who served. */
export const DONE_FLAG_SHADOW: u32 = 64;
/** Of a pool that disaggregates: whether prefill was to run elsewhere has been decided. */
export const DONE_FLAG_DECIDED: u32 = 128;
/** It was to run elsewhere. */
export const DONE_FLAG_DISAGGREGATED: u32 = 256;
/** Prefill failed elsewhere: decode ran alone, or the client got an error. */
export const DONE_FLAG_PREFILL_FAILED: u32 = 512;
/** Prefill's cache was handed to decode. */
export const DONE_FLAG_TRANSFERRED: u32 = 1024;

/** One call to an encoder, a prefill endpoint, or one of decode that was asked before; it has ended. */
export const LEG: u32 = 40;
//   0 slot   4 outcome   8 status   12 ms   16 prompt bytes   20 uncached prompt bytes
//  24 bytes of the transfer parameters in its answer           28 stage
export const LEG_SLOT: u32 = 0;
export const LEG_OUTCOME: u32 = 4;
export const LEG_STATUS: u32 = 8;
export const LEG_MS: u32 = 12;
export const LEG_PROMPT_BYTES: u32 = 16;
export const LEG_UNCACHED_BYTES: u32 = 20;
export const LEG_PARAMETERS_BYTES: u32 = 24;
export const LEG_STAGE: u32 = 28;
export const LEG_BYTES: u32 = 32;
export const LEG_SERVED: u32 = 0;
/** It answered an error, or not at all (status 0), or too late (504). */
export const LEG_REFUSED: u32 = 1;
/** It answered without transfer parameters, or with more of them than can be taken. */
export const LEG_WITHOUT_PARAMETERS: u32 = 2;
/** Its request was gone before it answered. */
export const LEG_IN_VAIN: u32 = 3;
/** Decode was asked first, and holds enough of the prompt. */
export const LEG_CACHED: u32 = 4;
/** Decode was asked first, and holds too little. */
export const LEG_UNCACHED: u32 = 5;

/** An endpoint failed before it answered. */
export const FAILURE: u32 = 35;
export const FAILURE_SLOT: u32 = 0;
export const FAILURE_BYTES: u32 = 4;

/** Age of the last contact with the control plane, from the worker that polls to the others. */
export const CONTACT: u32 = 36;
export const CONTACT_BYTES: u32 = 4;

/** Stages a pick may be in, by the age of what the control plane told last. */
export const STAGE_FRESH: u32 = 0;
export const STAGE_STALE: u32 = 1;
export const STAGE_BLIND: u32 = 2;
