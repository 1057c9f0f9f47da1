// The picks that a request may need: the one that its own profile makes; or, in a pool that
// disaggregates, those of decode and of prefill.
import { Disaggregation } from "../hints/disaggregation.ts";
import { Pool } from "../hints/pool.ts";
import { NO_PARTNER, wantAny, wantDecode, wantEncode, wantPrefill } from "./candidates.ts";
import { coverBy } from "./cover.ts";
import { Request } from "./live.ts";
import * as picks from "./pick.ts";
import { keepParts } from "./score.ts";

/** What the pick of decode alone left is no longer there: another was made since. */
export let isDecodeForgotten: bool = false;

/** Picks among all endpoints. Answers as `pick` does. */
export function pickOwn(request: Request, pool: Pool, atMs: f64): u32 {
  return pickBy(request, pool, request.wish.profile, picks.placesToName(), atMs);
}

/** Picks for decode: alone, or after prefill on the endpoint `partner`. */
export function pickDecode(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  partner: i32,
  atMs: f64,
): u32 {
  isDecodeForgotten = partner !== NO_PARTNER;
  const profile = partner === NO_PARTNER ? ways.decodeProfile : ways.transferredProfile;
  wantDecode(ways.hasRoles, partner);
  const result = pickBy(request, pool, profile, picks.placesToName(), atMs);
  wantAny();
  return result;
}

/** Picks endpoints for prefill that decode can take over from, as many as may be tried. */
export function pickPrefill(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): u32 {
  isDecodeForgotten = true;
  wantPrefill(ways.hasRoles);
  const result = pickBy(request, pool, ways.prefillProfile, ways.tries, atMs);
  wantAny();
  return result;
}

/** Picks encoders, the best first, as many as may be tried for one of the request's media. */
export function pickEncode(request: Request, pool: Pool, ways: Disaggregation, atMs: f64): u32 {
  isDecodeForgotten = true;
  wantEncode(ways.hasRoles);
  const result = pickBy(request, pool, ways.encodeProfile, ways.tries, atMs);
  wantAny();
  return result;
}

function pickBy(request: Request, pool: Pool, profile: i32, places: i32, atMs: f64): u32 {
  const wish = request.wish;
  coverBy(wish.keyCount > 0 ? request.prompt : null);
  keepParts(request.wantsExplanation);
  return picks.pick(pool, wish, profile, places, atMs);
}
