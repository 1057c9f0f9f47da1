// A request in shadow mode: the pick is told, and Envoy's own policy chooses. Who serves shows while the
// request waits for its answer, or with it; what is in flight, and what caches hold, follows that.
import { DONE_FLAG_LOCAL, NO_SLOT } from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { noteAnswer } from "../hints/health.ts";
import { matchedKeys, matchKeys } from "../hints/prefix-index.ts";
import * as table from "../hints/table.ts";
import { recentMs } from "../host/clock.ts";
import { propertyAt, readProperty, UPSTREAM_ADDRESS } from "../host/properties.ts";
import { countOn, countRefusal, moveTo } from "./accounts.ts";
import { coverBy, uncachedBytes } from "./cover.ts";
import { Request } from "./live.ts";
import { NOBODY } from "./modes.ts";

/** Takes in which endpoint Envoy has chosen, as far as it has and the pool has it. */
export function followServer(request: Request, atMs: f64): void {
  const slot = slotReached(request);
  if (slot !== NOBODY) countServer(request, <u32>slot, atMs);
}

function slotReached(request: Request): i32 {
  const bytes = readProperty(UPSTREAM_ADDRESS);
  if (bytes === 0) return NOBODY;
  const at = propertyAt();
  const pool = unchecked(table.pools[request.pool]);
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = <u32>unchecked(pool.slots[i]);
    if (table.isAddressOf(slot, at, bytes)) return <i32>slot;
  }
  return NOBODY;
}

/** The request is on this endpoint, from here on or since it was tried on another in vain. */
export function countServer(request: Request, slot: u32, atMs: f64): void {
  if (request.isCounted) {
    if (slot !== request.slot) moveTo(request, slot);
    return;
  }
  const pool = unchecked(table.pools[request.pool]);
  const wish = request.wish;
  matchKeys(wish.keys, wish.keyCount, pool.slots, pool.slotCount);
  coverBy(wish.keyCount > 0 ? request.prompt : null);
  const matched = unchecked(matchedKeys[slot]);
  unchecked((request.destinations[0] = <u16>slot));
  request.destinationCount = 1;
  countOn(request, pool, slot, matched, uncachedBytes(wish, matched), atMs);
}

/** Response headers came; `isLocal` where Envoy wrote them, as nobody answered. */
export function endShadow(request: Request, isLocal: bool): void {
  followServer(request, recentMs);
  if (isLocal) {
    request.doneFlags |= DONE_FLAG_LOCAL;
    return;
  }
  if (!request.isCounted) return;
  if (request.slot === request.pickedSlot) counters.shadowAgreed++;
  else if (request.pickedSlot !== NO_SLOT) counters.shadowDiffered++;
  if (request.status >= 400) countRefusal(request);
  noteAnswer(request.slot, request.status, recentMs);
}
