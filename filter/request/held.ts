// Bytes of bodies that this worker holds for requests which are not sent yet.
import { settings } from "../hints/table.ts";
import { Request } from "./live.ts";

/** Of what may be held, for requests that wait for prefill: others have to be read meanwhile. */
const PREFILL_SHARE: f64 = 0.5;
let heldBytes: f64 = 0;

/** So many bytes of the request's body are held; false where all are more than may be. */
export function hold(request: Request, bytes: u32): bool {
  heldBytes += <f64>(bytes - request.heldBytes);
  request.heldBytes = bytes;
  return heldBytes <= <f64>settings.heldBytesMax;
}

/** The body is no longer this worker's to hold. */
export function letGo(request: Request): void {
  heldBytes -= <f64>request.heldBytes;
  request.heldBytes = 0;
}

/** Whether a request whose body is held may wait for prefill. */
export function mayHoldForPrefill(): bool {
  return heldBytes <= PREFILL_SHARE * <f64>settings.heldBytesMax;
}
