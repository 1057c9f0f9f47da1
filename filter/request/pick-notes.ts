// What is noted of a pick as it is made: why it fell so, how old its hints were, and its explanation.
import * as reasons from "../../protocol/reasons.ts";
import { STAGE_BLIND, STAGE_STALE } from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { Pool } from "../hints/pool.ts";
import { logPick } from "./access-log.ts";
import { isLastResort } from "./candidates.ts";
import { explain, takeExplanation } from "./explain.ts";
import { explainDisaggregation } from "./explain-disaggregation.ts";
import { Request } from "./live.ts";
import * as picks from "./pick.ts";

/** Why the pick fell as it did, or failed. */
export function noteResult(request: Request, pool: Pool, result: u32): void {
  if (result === picks.PICKED) notePick(request, pool);
  else request.reason = refusalFor(result);
  logPick(request);
}

/** The reason of a request that was not picked for. */
export function refusalFor(result: u32): u32 {
  const areNone = result === picks.NO_ENDPOINTS;
  return areNone ? reasons.REASON_NO_ENDPOINTS : reasons.REASON_FILTERED;
}

function notePick(request: Request, pool: Pool): void {
  countStage(request);
  keepExplanation(request, pool);
  const slot = <u32>unchecked(picks.destinations[0]);
  const promptBytes = request.wish.promptBytes;
  request.pickedSlot = slot;
  request.pickedMatchedBytes = promptBytes > 0 ? promptBytes - picks.pickedUncachedBytes : 0;
  request.isCold = picks.isCold;
  if (isLastResort) request.reason = reasons.REASON_LAST_RESORT;
  else if (request.wish.isSessionOf(slot)) request.reason = reasons.REASON_SESSION;
  else if (request.isUnread) request.reason = reasons.REASON_UNREAD;
  else request.reason = picks.pickedMatchedKeys > 0 ? reasons.REASON_PREFIX : reasons.REASON_LOAD;
}

function countStage(request: Request): void {
  if (request.wish.keyCount === 0) counters.picksWithoutPrompt++;
  if (isLastResort) counters.picksLastResort++;
  if (request.stage === STAGE_BLIND) counters.picksBlind++;
  else if (request.stage === STAGE_STALE) counters.picksStale++;
  else counters.picksFresh++;
}

function keepExplanation(request: Request, pool: Pool): void {
  if (!request.wantsExplanation) return;
  const buffer = takeExplanation();
  request.explanation = buffer;
  explain(buffer, pool, request.wish, request.stage);
  explainDisaggregation(buffer, request);
}
