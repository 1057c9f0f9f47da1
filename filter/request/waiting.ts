// The requests that wait for response headers, the oldest pick first. No callback tells that Envoy
// tries another endpoint, and an answer that is not streamed has its headers at its end. So the tick
// looks: at each request soon after its pick, when an endpoint that refuses connections shows, then
// at all in turn, since an endpoint may break off later. One that has just answered others is alive,
// and requests there are passed over: a look costs calls to the host, and only silence is suspicious.
//
//   oldest ─▶ … ─▶ looked at, in turn ─▶ │ unlooked ─▶ … ─▶ newest
import { hasAnsweredSince } from "../hints/health.ts";
import { setEffectiveContext } from "../host/stream.ts";
import { Request } from "./live.ts";
import { followServer } from "./shadow.ts";
import { followRetry } from "./tries.ts";

/** The first retry comes within 5 ms, as the route's back-off asks. */
const FIRST_LOOK_MS: f64 = 5;
/** Looks of one tick. */
const YOUNG_LOOKS: i32 = 16;
const TURN_LOOKS: i32 = 4;
/** An endpoint that has answered so short a time ago is not asked about. */
const SILENT_MS: f64 = 5;
/** Requests passed in one tick, looked at or not. */
const TURN_STEPS: i32 = 64;

let oldest: Request | null = null;
let newest: Request | null = null;
/** The oldest that has never been looked at, and the next in turn. */
let unlooked: Request | null = null;
let inTurn: Request | null = null;

export function beginWaiting(request: Request, atMs: f64): void {
  request.pickedMs = atMs;
  request.isWaiting = true;
  request.older = newest;
  request.newer = null;
  const last = newest;
  if (last === null) oldest = request;
  else last.newer = request;
  newest = request;
  if (unlooked === null) unlooked = request;
}

export function endWaiting(request: Request): void {
  if (!request.isWaiting) return;
  request.isWaiting = false;
  const older = request.older;
  const newer = request.newer;
  if (older === null) oldest = newer;
  else older.newer = newer;
  if (newer === null) newest = older;
  else newer.older = older;
  if (unlooked === request) unlooked = newer;
  if (inTurn === request) inTurn = newer;
  request.older = null;
  request.newer = null;
}

export function isAnyWaiting(): bool {
  return oldest !== null;
}

/** From the tick of `root`, which is the context in force again after. */
export function lookAtWaiting(root: u32, atMs: f64): void {
  if (oldest === null) return;
  lookInTurn(atMs);
  lookAtYoung(atMs);
  setEffectiveContext(root);
}

function lookAtYoung(atMs: f64): void {
  let request = unlooked;
  for (let looks = 0; request !== null && looks < YOUNG_LOOKS; looks++) {
    if (atMs - request.pickedMs < FIRST_LOOK_MS) break;
    look(request, atMs);
    request = request.newer;
  }
  unlooked = request;
}

function lookInTurn(atMs: f64): void {
  let request = inTurn;
  let first: Request | null = null;
  let looks = 0;
  for (let steps = 0; steps < TURN_STEPS && looks < TURN_LOOKS; steps++) {
    if (request === null || request === unlooked) request = oldest;
    if (request === null || request === unlooked || request === first) break;
    if (steps === 0) first = request;
    if (look(request, atMs)) looks++;
    request = request.newer;
  }
  inTurn = request;
}

/** Answers whether it looked. */
function look(request: Request, atMs: f64): bool {
  if (request.isShadow) {
    if (setEffectiveContext(request.context)) followServer(request, atMs);
    return true;
  }
  if (hasAnsweredSince(request.slot, atMs - SILENT_MS)) return false;
  if (setEffectiveContext(request.context)) followRetry(request, atMs);
  return true;
}
