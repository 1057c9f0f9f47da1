// A call to one endpoint for a request that is held meanwhile: of prefill, or of decode that is asked first.

import { LEG_STAGE_PREFILL } from "../../protocol/encoding-records.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys, matchKeys } from "../hints/prefix-index.ts";
import { shareSoon } from "../hints/sharing.ts";
import * as table from "../hints/table.ts";
import { call } from "../host/callouts.ts";
import { countAsk, countLeg } from "./accounts.ts";
import { coverBy, uncachedBytes } from "./cover.ts";
import { destinationClusterAt, destinationClusterBytes, findCluster } from "./destination.ts";
import { backlogInFlight } from "./in-flight.ts";
import { Leg } from "./leg.ts";
import { legBodyAt, legBodyBytes } from "./leg-body.ts";
import { buildLegHeaders, legHeaders } from "./leg-headers.ts";
import { keepLeg, newLeg } from "./legs.ts";
import { PREFILLING, Request } from "./live.ts";
import * as choice from "./pool-choice.ts";
import { namesRank } from "./transfer-members.ts";

/** Sends the body built last. False where the headers are too many, or Envoy takes no call. */
export function callLeg(
  request: Request,
  pool: Pool,
  slot: u32,
  isAsk: bool,
  timeoutMs: u32,
  atMs: f64,
): bool {
  findCluster(pool, choice.isWhereRouteLeads(pool, request.isByModel));
  const hasRank = !isAsk && namesRank(request.transfer.connector);
  if (!buildLegHeaders(slot, hasRank)) return false;
  const token = call(
    destinationClusterAt(),
    destinationClusterBytes(),
    legHeaders.at,
    legHeaders.bytes,
    legBodyAt,
    legBodyBytes,
    timeoutMs,
  );
  if (token === 0) return false;
  const leg = newLeg(request, pool, LEG_STAGE_PREFILL, slot, atMs);
  leg.isAsk = isAsk;
  noteWork(leg, request, pool, atMs);
  keepLeg(leg, token, legBodyBytes);
  request.leg = leg;
  request.phase = PREFILLING;
  if (isAsk) countAsk(request, leg, atMs);
  else countLeg(request, leg, pool, atMs);
  shareSoon(atMs);
  return true;
}

/** What the endpoint has to read, and what waits there before it. */
function noteWork(leg: Leg, request: Request, pool: Pool, atMs: f64): void {
  const wish = request.wish;
  leg.promptBytes = wish.promptBytes;
  coverBy(wish.keyCount > 0 ? request.prompt : null);
  matchKeys(wish.keys, wish.keyCount, pool.slots, pool.slotCount);
  leg.matchedKeys = unchecked(matchedKeys[leg.slot]);
  leg.uncachedBytes = <f64>uncachedBytes(wish, leg.matchedKeys);
  leg.aheadBytes = backlogInFlight(leg.slot, table.trustAt(atMs));
}
