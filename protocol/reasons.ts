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

export const REASONS: u32 = 8;

/** Whether it says why nothing was picked. */
export function isRefusal(reason: u32): bool {
  return reason >= REASON_NO_ENDPOINTS;
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
    default:
      return "unknown";
  }
}
