// The protocol version that this gateway and its control plane agreed on.
import { VERSION_MIN } from "../../protocol/limits.ts";

/** The lowest until a control plane answered: who shares any with this tree can read that one. */
export let agreedVersion: u32 = VERSION_MIN;

/** A frame came that speaks this version. */
export function agreeOnVersion(version: u32): void {
  agreedVersion = version;
}
