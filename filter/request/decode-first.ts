// A request that says of how much of its prompt decode must hold the cache (`cache_hit_threshold`), where
// both know the place of caches: decode is asked before prefill, as llm-d's sidecar does
// (connector_shared_storage.go).
//
//   decode asked, one token, with the threshold ─▶ "cache_threshold" ─▶ prefill ─▶ decode
//                                               └▶ any other end: the request goes there
//
// The ask is a call of its own, whose one token is thrown away: a filter cannot send a request anew that
// has been let go, and a call's answer comes whole, so that an answer which streams cannot come of it.
// What decode lacked of the prompt it has computed then.
import {
  CONNECTOR_SHARED_STORAGE,
  DONE_FLAG_DISAGGREGATED,
  LEG_CACHED,
} from "../../protocol/records.ts";
import { connectorOf, Disaggregation } from "../hints/disaggregation.ts";
import { Pool } from "../hints/pool.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";
import { NO_PARTNER } from "./candidates.ts";
import { applyEdits, edits } from "./edited-body.ts";
import { Leg } from "./leg.ts";
import { buildLegBody, thresholdEnd, thresholdStart } from "./leg-body.ts";
import { callLeg } from "./leg-call.ts";
import { hasRoomForLeg } from "./legs.ts";
import { Request } from "./live.ts";
import * as picks from "./pick.ts";
import { pickDecode } from "./pick-by-role.ts";

const NO_THRESHOLD = new Text("0");
const noMembers = new TextBuffer(0);

/**
 * Asks the decode endpoint `slot`, where the request wants that; its held body has no threshold from
 * here on. False where it is not asked.
 */
export function askDecode(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  slot: u32,
  atMs: f64,
): bool {
  if (!request.prompt.namesThreshold) return false;
  const connector = connectorOf(ways, <u32>unchecked(request.transfer.prefills[0]));
  if (connector !== CONNECTOR_SHARED_STORAGE || !hasRoomForLeg(request.bodyBytes)) return false;
  if (!buildLegBody(request.bodyBytes, request.api, noMembers, true)) return false;
  if (thresholdEnd === 0) return false;
  const isAsked = callLeg(request, pool, slot, true, ways.timeoutMs, atMs);
  // Another request's may be left, where this one goes on after its media were encoded.
  edits.begin();
  edits.replace(thresholdStart, thresholdEnd, NO_THRESHOLD.at, NO_THRESHOLD.bytes);
  request.bodyBytes = applyEdits(request, request.bodyBytes);
  return isAsked;
}

/**
 * Decode has answered the ask. Whether it holds enough of the prompt: then it is what was picked last,
 * unless it has left meanwhile.
 */
export function pickAsked(
  request: Request,
  pool: Pool,
  ways: Disaggregation,
  leg: Leg,
  outcome: u32,
  atMs: f64,
): bool {
  if (outcome !== LEG_CACHED) return false;
  if (pickDecode(request, pool, ways, NO_PARTNER, atMs) !== picks.PICKED) return false;
  if (!picks.leadWith(leg.slot, request.wish)) return false;
  request.transfer.doneFlags &= ~DONE_FLAG_DISAGGREGATED;
  return true;
}
