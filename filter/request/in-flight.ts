// What is in flight on an endpoint: of this gateway, exactly, and of others, as far as they were told
// of lately.
import { backlogOn, requestsOn } from "../hints/flight.ts";
import { otherBacklogOf, otherRequestsOf } from "../hints/table.ts";

export function requestsInFlight(slot: u32, trust: f64): f64 {
  return <f64>requestsOn(slot) + trust * <f64>unchecked(otherRequestsOf[slot]);
}

/** Uncached prompt bytes that were not answered yet. */
export function backlogInFlight(slot: u32, trust: f64): f64 {
  return backlogOn(slot) + trust * <f64>unchecked(otherBacklogOf[slot]);
}
