// Whether a request is turned away because its pool is saturated: only one of a priority below 0 may be.
// The sums are upstream's (llm-d-router, saturationdetector/ and admitter/probabilisticadmitter); what
// they are over are all endpoints that discovery lists, but for those that drain or sleep. None at all
// is saturated.
import { REJECT_CONCURRENCY, REJECT_PROBABLY, REJECT_UTILIZATION } from "../../protocol/profile.ts";
import { STAGE_FRESH, STATE_ASLEEP, STATE_DRAINING } from "../../protocol/records.ts";
import { ruleCountOf, ruleOperation, ruleParameter } from "../hints/admission.ts";
import { Pool } from "../hints/pool.ts";
import { kvUseOf, pools, probedMs, stageAt, stateOf, trustAt, waitingOf } from "../hints/table.ts";
import { backlogInFlight, requestsInFlight } from "./in-flight.ts";
import { staleAfterMs } from "./load-filters.ts";
import { random } from "./random.ts";

const SATURATED: f64 = 1;

/** Whether a request of a priority below 0 is turned away by a rule of the pool of this number. */
export function isTurnedAway(number: u32, nowMs: f64): bool {
  const pool = unchecked(pools[number]);
  for (let rule: u32 = 0; rule < ruleCountOf(number); rule++) {
    if (rejects(pool, number, rule, nowMs)) return true;
  }
  return false;
}

function rejects(pool: Pool, number: u32, rule: u32, nowMs: f64): bool {
  switch (ruleOperation(number, rule)) {
    case REJECT_UTILIZATION:
      return rejectsByUse(pool, number, rule, nowMs);
    case REJECT_CONCURRENCY:
      return concurrency(pool, number, rule, trustAt(nowMs)) >= SATURATED;
    case REJECT_PROBABLY:
      return rejectsProbably(pool, number, rule, nowMs);
    default:
      return false;
  }
}

/** Readings are stale where the control plane is silent, which says nothing of endpoints. */
function rejectsByUse(pool: Pool, number: u32, rule: u32, nowMs: f64): bool {
  if (stageAt(nowMs) !== STAGE_FRESH) return false;
  const sinceMs = nowMs - staleAfterMs(ruleParameter(number, rule, 2));
  return utilization(pool, number, rule, sinceMs) >= SATURATED;
}

/** Upstream admits where there is no endpoint at all, and knows no reading that is too old. */
function rejectsProbably(pool: Pool, number: u32, rule: u32, nowMs: f64): bool {
  if (stageAt(nowMs) !== STAGE_FRESH || !hasEndpoint(pool)) return false;
  const saturation = utilization(pool, number, rule, 0);
  const power = ruleParameter(number, rule, 2);
  return random() < saturation ** power * ruleParameter(number, rule, 3);
}

/** Mean over endpoints of what is used most of its limit; an endpoint not read since is saturated. */
function utilization(pool: Pool, number: u32, rule: u32, sinceMs: f64): f64 {
  const waitingLimit = ruleParameter(number, rule, 0);
  const kvUseLimit = ruleParameter(number, rule, 1);
  let sum: f64 = 0;
  let endpoints: f64 = 0;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    if (!counts(slot)) continue;
    endpoints++;
    const readMs = unchecked(probedMs[slot]);
    if (readMs === 0 || readMs < sinceMs) {
      sum += SATURATED;
      continue;
    }
    const waiting = <f64>unchecked(waitingOf[slot]) / waitingLimit;
    sum += max(waiting, <f64>unchecked(kvUseOf[slot]) / kvUseLimit);
  }
  return endpoints === 0 ? SATURATED : sum / endpoints;
}

/** What is in flight over what all endpoints may have; of two measures, the larger. */
function concurrency(pool: Pool, number: u32, rule: u32, trust: f64): f64 {
  let requests: f64 = 0;
  let bytes: f64 = 0;
  let endpoints: f64 = 0;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = unchecked(pool.slots[i]);
    if (!counts(slot)) continue;
    endpoints++;
    requests += requestsInFlight(slot, trust);
    bytes += backlogInFlight(slot, trust);
  }
  if (endpoints === 0) return SATURATED;
  const ofRequests = requests / (endpoints * ruleParameter(number, rule, 0));
  const ofTokens = bytes / pool.bytesPerToken / (endpoints * ruleParameter(number, rule, 1));
  return max(ofRequests, ofTokens);
}

function hasEndpoint(pool: Pool): bool {
  for (let i = 0; i < pool.slotCount; i++) {
    if (counts(unchecked(pool.slots[i]))) return true;
  }
  return false;
}

/** One that is down is listed, and fails its probes: upstream counts it too. */
function counts(slot: u32): bool {
  const state = unchecked(stateOf[slot]);
  return state !== STATE_DRAINING && state !== STATE_ASLEEP;
}
