// Request headers that the pool's profiles look at. A client's session is the address of an endpoint,
// in a header that an earlier response gave it; an address that is none of the pool's means nothing.
import { LISTS_ENDPOINTS, NAMES_ENDPOINT, Pool } from "../hints/pool.ts";
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
import { TextHash } from "../json/text-hash.ts";
import { takeListed } from "./listed-endpoints.ts";
import { NO_SESSION, Wish } from "./wish.ts";

const text = new TextHash();

/** Takes the header just visited, where a profile looks at it. The last of one name counts. */
export function takeNamedHeader(pool: Pool, wish: Wish): void {
  for (let number = 0; number < pool.headerCount; number++) {
    if (!equals(nameAt, nameBytes, pool.header(number))) continue;
    wish.setHash(<u32>number, hashOfValue());
    const use = pool.headerUse(number);
    if ((use & NAMES_ENDPOINT) !== 0) wish.setSession(<u32>number, endpointNamed(pool));
    if ((use & LISTS_ENDPOINTS) !== 0) takeListed(pool, wish, valueAt, valueBytes);
    return;
  }
}

/** Once all headers were visited. */
export function chooseProfile(pool: Pool, wish: Wish): void {
  wish.profile = pool.profileFor(wish.hashOf(pool.profileHeader));
}

/** Of the header just visited; 0 where it is empty. */
export function hashOfValue(): u64 {
  if (valueBytes === 0) return 0;
  text.begin();
  text.add(valueAt, valueBytes);
  return text.stripes();
}

function endpointNamed(pool: Pool): i32 {
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = <u32>unchecked(pool.slots[i]);
    if (isAddressOf(slot, valueAt, valueBytes)) return <i32>slot;
  }
  return NO_SESSION;
}

/** Gives the client the token of the endpoint that served. */
export function giveSession(pool: Pool, slot: u32): void {
  for (let number = 0; number < pool.headerCount; number++) {
    if ((pool.headerUse(number) & NAMES_ENDPOINT) === 0) continue;
    setHeader(RESPONSE_HEADERS, pool.header(number), addressAt(slot), addressBytes(slot));
  }
}
