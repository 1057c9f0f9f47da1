// What is common to the ends of calls, whatever stage they ran: how it was answered, what that says of the
// endpoint, and where the request goes on to.
import { noteAnswer } from "../hints/health.ts";
import { Pool } from "../hints/pool.ts";
import * as table from "../hints/table.ts";
import {
  CALLOUT_RESPONSE_HEADERS,
  CONTENT_TYPE,
  isNamed,
  JSON_TYPE,
  nextHeader,
  readHeaders,
  STATUS,
  valueBegins,
  valueDigits,
} from "../host/headers.ts";
import { continueRequest } from "../host/stream.ts";
import { countFailure } from "./accounts.ts";
import { letGo } from "./held.ts";
import { Leg } from "./leg.ts";
import { Request } from "./live.ts";
import { sendOrRefuse } from "./stream.ts";

/** Of the answer read last; 0 where there was none. */
export let status: u32 = 0;
let isJson: bool = false;

export function readStatus(): void {
  status = 0;
  isJson = false;
  readHeaders(CALLOUT_RESPONSE_HEADERS);
  while (nextHeader()) {
    if (isNamed(STATUS)) status = valueDigits();
    else if (isNamed(CONTENT_TYPE)) isJson = valueBegins(JSON_TYPE);
  }
}

/** The leg's pool, unless it is gone or its number is another's meanwhile. */
export function poolOf(leg: Leg): Pool | null {
  const pool = unchecked(table.pools[leg.pool]);
  if (!pool.isUsed) return null;
  const isSame = pool.clusterLow === leg.clusterLow && pool.clusterHigh === leg.clusterHigh;
  return isSame ? pool : null;
}

/** What Envoy answers in an endpoint's stead (503, 504) is text; engines' errors are JSON. */
export function noteHealth(leg: Leg, atMs: f64): void {
  if (unchecked(table.tenancyOf[leg.slot]) !== leg.tenancy) return;
  const isSilent = status === 0 || ((status === 503 || status === 504) && !isJson);
  if (isSilent) countFailure(leg.slot, atMs);
  else noteAnswer(leg.slot, status, atMs);
}

export function goTo(request: Request, pool: Pool, result: u32, atMs: f64): void {
  letGo(request);
  if (sendOrRefuse(request, pool, result, atMs)) continueRequest();
}
