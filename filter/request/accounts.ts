// What each request counts for, and on which endpoint: from the pick, over the first byte of the
// response's body, to the end, whatever way it ends.
import * as wire from "../../protocol/records.ts";
import { noteSent } from "../hints/adapter-places.ts";
import { noteColdUse } from "../hints/cold-use.ts";
import { counters } from "../hints/counters.ts";
import { addFlight, unansweredOn } from "../hints/flight.ts";
import { noteFailure, notePick } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import { insertKeys, removeKeys } from "../hints/prefix-index.ts";
import { noteUncached } from "../hints/renewal.ts";
import { outbox } from "../hints/sharing.ts";
import { pools, tenancyOf, trustAt } from "../hints/table.ts";
import { backlogInFlight } from "./in-flight.ts";
import { Leg } from "./leg.ts";
import { putLeg } from "./legs.ts";
import { Request } from "./live.ts";
import * as picks from "./pick.ts";

/** The pick just made is in flight, and its keys are on that endpoint from here on. */
export function countPick(request: Request, pool: Pool, atMs: f64): void {
  const slot = <u32>unchecked(request.destinations[0]);
  countOn(request, pool, slot, picks.pickedMatchedKeys, picks.pickedUncachedBytes, atMs);
}

/** The request is in flight on an endpoint that holds so many of its keys. */
export function countOn(
  request: Request,
  pool: Pool,
  slot: u32,
  matched: u32,
  uncachedBytes: u32,
  atMs: f64,
): void {
  const wish = request.wish;
  const hasPrompt = wish.promptBytes > 0;
  const uncached = hasPrompt ? <f64>uncachedBytes : 0;
  request.matchedKeys = matched;
  request.backlogBytes = uncached;
  request.residentBytes = <f64>wish.promptBytes;
  request.matchedBytes = hasPrompt ? wish.promptBytes - uncachedBytes : 0;
  request.aheadBytes = backlogInFlight(slot, trustAt(atMs));
  notePick(slot, atMs);
  noteSent(slot, wish.modelName, atMs);
  put(request, slot);
  if (!hasPrompt) return;
  if (request.isCold) noteColdUse(slot);
  const flags = request.isCold ? wire.PICK_FLAG_COLD : 0;
  pool.learn(<f64>wish.promptBytes, uncached);
  noteUncached(pool, slot, uncached);
  addKeys(request, slot, flags, <u32>uncached);
}

/**
 * As countPick, where prefill was done elsewhere: nothing of the prompt is to be computed, but all of
 * it comes into the endpoint's cache.
 */
export function countTransferred(request: Request, pool: Pool, atMs: f64): void {
  const slot = <u32>unchecked(request.destinations[0]);
  const wish = request.wish;
  request.matchedKeys = picks.pickedMatchedKeys;
  request.backlogBytes = 0;
  request.residentBytes = <f64>wish.promptBytes;
  request.matchedBytes = wish.promptBytes - picks.pickedUncachedBytes;
  request.aheadBytes = 0;
  notePick(slot, atMs);
  noteSent(slot, wish.modelName, atMs);
  put(request, slot);
  noteUncached(pool, slot, <f64>picks.pickedUncachedBytes);
  addKeys(request, slot, 0, picks.pickedUncachedBytes);
}

/** A prefill endpoint is to read the prompt, and holds it from here on. */
export function countLeg(request: Request, leg: Leg, pool: Pool, atMs: f64): void {
  const wish = request.wish;
  putLeg(leg);
  notePick(leg.slot, atMs);
  noteSent(leg.slot, wish.modelName, atMs);
  pool.learn(<f64>wish.promptBytes, leg.uncachedBytes);
  noteUncached(pool, leg.slot, leg.uncachedBytes);
  addKeys(request, leg.slot, 0, <u32>leg.uncachedBytes);
}

/** A decode endpoint is asked before prefill: it may have the prompt to read, and holds it then. */
export function countAsk(request: Request, leg: Leg, atMs: f64): void {
  putLeg(leg);
  notePick(leg.slot, atMs);
  noteSent(leg.slot, request.wish.modelName, atMs);
  addKeys(request, leg.slot, 0, <u32>leg.uncachedBytes);
}

/** It did not read it. */
export function takeLegKeysBack(request: Request, leg: Leg): void {
  if (unchecked(tenancyOf[leg.slot]) !== leg.tenancy) return;
  removeFrom(request, leg.slot, leg.matchedKeys, <u32>leg.uncachedBytes);
}

/** The endpoint holds the prompt from here on, by this machine's index and by the others'. */
function addKeys(request: Request, slot: u32, flags: u32, uncached: u32): void {
  const wish = request.wish;
  const blocks = blocksOf(request, wish.promptBytes);
  insertKeys(slot, wish.keys, wish.keyCount, blocks);
  outbox.addPick(slot, flags, uncached, blocks, wish.keys, wish.keyCount);
}

function blocksOf(request: Request, bytes: u32): u32 {
  const blockBytes = unchecked(pools[request.pool]).blockBytes;
  return (bytes + blockBytes - 1) / blockBytes;
}

function put(request: Request, slot: u32): void {
  request.slot = slot;
  request.tenancy = unchecked(tenancyOf[slot]);
  request.isCounted = true;
  addFlight(slot, 1, unansweredOf(request), request.backlogBytes, request.residentBytes);
}

function takeOff(request: Request): void {
  const unanswered = unansweredOf(request);
  addFlight(request.slot, -1, -unanswered, -request.backlogBytes, -request.residentBytes);
}

/** A prompt has at least one byte that is not cached. */
function unansweredOf(request: Request): i32 {
  return request.backlogBytes > 0 ? 1 : 0;
}

function isStillThere(request: Request): bool {
  return request.isCounted && unchecked(tenancyOf[request.slot]) === request.tenancy;
}

/** The endpoint did not compute the prompt: it holds what it held before. */
function takeKeysBack(request: Request): void {
  const uncached = request.wish.promptBytes - request.matchedBytes;
  removeFrom(request, request.slot, request.matchedKeys, uncached);
}

/** Of the prompt's keys, the endpoint holds the first `matched`. */
function removeFrom(request: Request, slot: u32, matched: u32, uncachedBytes: u32): void {
  const wish = request.wish;
  if (wish.keyCount <= matched) return;
  const novel = wish.keyCount - matched;
  const keys = wish.keys + ((<usize>matched) << 3);
  const blocks = blocksOf(request, uncachedBytes);
  removeKeys(slot, keys, novel, blocks);
  outbox.addPick(slot, wire.PICK_FLAG_REMOVE, 0, blocks, keys, novel);
}

/** The endpoint answered with an error instead of computing the prompt. */
export function countRefusal(request: Request): void {
  if (isStillThere(request)) takeKeysBack(request);
  request.wish.keyCount = 0;
}

/** Another endpoint than the picked one serves: load and keys belong to it. */
export function moveTo(request: Request, slot: u32): void {
  const wish = request.wish;
  if (isStillThere(request)) {
    takeOff(request);
    takeKeysBack(request);
  }
  put(request, slot);
  if (wish.keyCount === 0) return;
  addKeys(request, slot, 0, <u32>request.backlogBytes);
}

/** The first byte of the response's body: prefill is over. */
export function releaseBacklog(request: Request): void {
  if (request.backlogBytes === 0) return;
  if (isStillThere(request)) addFlight(request.slot, 0, -1, -request.backlogBytes, 0);
  request.backlogBytes = 0;
}

/** The request is over. */
export function releaseAll(request: Request): void {
  if (isStillThere(request)) {
    takeOff(request);
    if (unansweredOn(request.slot) <= 1 && request.hasFirstByte) touch(request);
  }
  request.isCounted = false;
}

/**
 * The engine frees the blocks at the end: they are its newest, unless the keys of those that wait
 * there are to come after them.
 */
function touch(request: Request): void {
  const wish = request.wish;
  if (wish.keyCount === 0) return;
  addKeys(request, request.slot, wire.PICK_FLAG_TOUCH, 0);
}

/** The endpoint failed before it answered: no worker picks it until it is known to be back. */
export function countFailure(slot: u32, atMs: f64): void {
  counters.endpointFailures++;
  noteFailure(slot, atMs);
  outbox.addFailure(slot);
}
