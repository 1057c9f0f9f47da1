// What gateways are told once for all, from the options.
import type { Settings } from "./hints/table-records.ts";
import type { Options } from "./options.ts";

/** Bodies above this get 413 from the filter. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
/** A prompt is walked so far, and then picked on what is known. */
const WALK_BYTES_MAX = 4 * 1024 * 1024;

export function settingsOf(options: Options): Settings {
  return {
    staleMs: options.staleMs,
    blindMs: options.blindMs,
    bodyBytesMax: BODY_BYTES_MAX,
    heldBytesMax: options.heldBytes,
    walkBytesMax: WALK_BYTES_MAX,
    reportMs: options.reportMs,
    indexKeysMax: options.indexKeys,
    fallbacks: options.fallbacks,
    isExplained: options.explain,
  };
}
