// The shared state as flags name it.
import { flagInvalid } from "../errors.ts";
import type { Options } from "../options.ts";
import { SharedState, type SharedStateOptions } from "./shared-state.ts";

/** Undefined where there is none. Throws FLAG_INVALID or FILE_UNREADABLE. */
export function sharedStateOf(
  options: Pick<Options, "state" | "statePrefix" | "stateCa">,
): SharedStateOptions | undefined {
  const { state: url, statePrefix: prefix, stateCa: ca } = options;
  if (url !== undefined) return { url, prefix, ca };
  if (ca === undefined) return undefined;
  throw flagInvalid("--state-ca", ca, "there is no --state for which it could be trusted");
}

/** Throws what is wrong with them, and connects to nothing. */
export function checkSharedState(options: Parameters<typeof sharedStateOf>[0]): void {
  const state = sharedStateOf(options);
  if (state) new SharedState(state, { connected() {}, lost() {} });
}
