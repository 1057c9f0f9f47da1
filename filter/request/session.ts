// Session affinity: a client brings back, in a header the profile names, the token that an earlier
// response gave it. The token is the endpoint's address; one that is not an endpoint of the pool
// means nothing.

import { Pool } from "../hints/pool.ts";
import { addressAt, addressBytes, isAddressOf } from "../hints/table.ts";
import {
  nameAt,
  nameBytes,
  RESPONSE_HEADERS,
  setHeader,
  valueAt,
  valueBytes,
} from "../host/headers.ts";
import { equals } from "../host/memory.ts";
import { NO_SESSION } from "./wish.ts";

/** The endpoint that the header just visited names, or NO_SESSION when it is another header. */
export function sessionSlotOf(pool: Pool): i32 {
  if (pool.session.bytes === 0 || !equals(nameAt, nameBytes, pool.session)) return NO_SESSION;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = <u32>unchecked(pool.slots[i]);
    if (isAddressOf(slot, valueAt, valueBytes)) return <i32>slot;
  }
  return NO_SESSION;
}

/** Gives the client the token of the endpoint that served. */
export function giveSession(pool: Pool, slot: u32): void {
  if (pool.session.bytes === 0) return;
  setHeader(RESPONSE_HEADERS, pool.session, addressAt(slot), addressBytes(slot));
}
