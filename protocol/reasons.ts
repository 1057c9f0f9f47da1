// Why a request went where it went, or nowhere.

/** The picked endpoint holds the beginning of the prompt. */
export const REASON_PREFIX: u32 = 0;
/** It holds nothing of the prompt, or there is too little of one to have a key. */
export const REASON_LOAD: u32 = 1;
/** The body could not be read as a prompt. */
export const REASON_UNREAD: u32 = 2;
/** The request's session names it. */
export const REASON_SESSION: u32 = 3;
/** The gateway has seen it fail, and the others too. */
export const REASON_LAST_RESORT: u32 = 4;
export const REASON_NO_ENDPOINTS: u32 = 5;
/** The profile's filters left none. */
export const REASON_FILTERED: u32 = 6;
/** The pool is saturated, and the request's priority is below 0. */
export const REASON_SHED: u32 = 7;
/** Nothing was picked yet when the client left. */
export const REASON_NONE: u32 = 8;
/** No prefill endpoint has read the prompt, and the pool asks for an error then. */
export const REASON_PREFILL: u32 = 9;
/** The pool disaggregates, and the body could not be read. */
export const REASON_UNREADABLE: u32 = 10;
/** The body is larger than the gateway holds. */
export const REASON_TOO_LARGE: u32 = 11;
/** The gateway holds as many bodies as it may. */
export const REASON_HELD_BYTES: u32 = 12;
/** The body may hide members that only the gateway may set. */
export const REASON_BAD_BODY: u32 = 13;
/** No pool is known to serve the model. */
export const REASON_MODEL: u32 = 14;

/** Prefill would run elsewhere, and the request prefers not to be served then. */
export const REASON_UNAVAILABLE: u32 = 15;
/** Not all of its media were encoded, and the pool asks for an error then. */
export const REASON_ENCODE: u32 = 16;

export const REASONS: u32 = 17;

/** Whether it says why the gateway has answered in an endpoint's stead. */
export function isRefusal(reason: u32): bool {
  return reason >= REASON_NO_ENDPOINTS && reason !== REASON_NONE;
}

/** As metrics and access logs spell it. */
export function reasonName(reason: u32): string {
  switch (reason) {
    case REASON_PREFIX:
      return "prefix";
    case REASON_LOAD:
      return "load";
    case REASON_UNREAD:
      return "unread";
    case REASON_SESSION:
      return "session";
    case REASON_LAST_RESORT:
      return "last-resort";
    case REASON_NO_ENDPOINTS:
      return "no-endpoints";
    case REASON_FILTERED:
      return "filtered";
    case REASON_SHED:
      return "shed";
    case REASON_NONE:
      return "none";
    case REASON_PREFILL:
      return "prefill";
    case REASON_UNREADABLE:
      return "unreadable";
    case REASON_TOO_LARGE:
      return "too-large";
    case REASON_HELD_BYTES:
      return "held-bytes";
    case REASON_BAD_BODY:
      return "bad-body";
    case REASON_MODEL:
      return "model";
    case REASON_UNAVAILABLE:
      return "unavailable";
    case REASON_ENCODE:
      return "encode";
    default:
      return "unknown";
  }
}
