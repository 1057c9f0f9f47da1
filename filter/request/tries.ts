// Which endpoint of the destination Envoy is trying, and which it has tried in vain. Both can be read
// while a request waits for its response headers.
//
// Of nearly all requests the first endpoint answers at the first try. Where Envoy writes the number of
// tries into the response, that is known without a call to the host, as long as the endpoint is one
// that Envoy has been told of: whether it is shows when a request to it has been looked at.

import { SLOTS_MAX } from "../../protocol/limits.ts";
import * as table from "../hints/table.ts";
import {
  propertyAt,
  REQUEST_ATTEMPTS,
  readNumber,
  readProperty,
  UPSTREAM_ADDRESS,
} from "../host/properties.ts";
import { countFailure, moveTo } from "./accounts.ts";
import { Request } from "./live.ts";

export const NOT_NAMED: i32 = -1;

/** An endpoint that a request was seen to reach so short a time ago is still known to Envoy. */
const REACHED_MS: f64 = 100;
const reachedAtMs = new StaticArray<f64>(<i32>SLOTS_MAX);
const reachedTenancy = new StaticArray<u32>(<i32>SLOTS_MAX);

/** The request has been seen to reach the first endpoint of its destination. */
export function noteReached(request: Request, atMs: f64): void {
  unchecked((reachedAtMs[request.slot] = atMs));
  unchecked((reachedTenancy[request.slot] = request.tenancy));
}

/** Whether a request that needed one try has been where its pick sent it. */
export function reachesFirst(request: Request, atMs: f64): bool {
  const slot = request.slot;
  if (unchecked(reachedTenancy[slot]) !== request.tenancy) return false;
  return atMs - unchecked(reachedAtMs[slot]) < REACHED_MS;
}

/** Where in the destination the endpoint stands that Envoy tried last; NOT_NAMED while it connects. */
export function placeOfTried(request: Request): i32 {
  const bytes = readProperty(UPSTREAM_ADDRESS);
  if (bytes === 0) return NOT_NAMED;
  const at = propertyAt();
  for (let place = 0; place < request.destinationCount; place++) {
    if (table.isAddressOf(<u32>unchecked(request.destinations[place]), at, bytes)) return place;
  }
  return NOT_NAMED;
}

/** Tries that Envoy has begun; 0 where it does not tell. */
export function triesBegun(): u64 {
  return readNumber(REQUEST_ATTEMPTS);
}

/** Holds the endpoints named before `place` to have failed, each once. */
export function countFailuresBefore(request: Request, place: i32, atMs: f64): void {
  for (let i = request.failedCount; i < place; i++) {
    countFailure(<u32>unchecked(request.destinations[i]), atMs);
  }
  request.failedCount = max(request.failedCount, place);
}

/** Takes in that Envoy has gone on to another endpoint of the destination, which has not answered. */
export function followRetry(request: Request, atMs: f64): void {
  if (triesBegun() <= 1) return;
  const place = placeOfTried(request);
  if (place <= request.failedCount) return;
  countFailuresBefore(request, place, atMs);
  moveTo(request, <u32>unchecked(request.destinations[place]));
}
