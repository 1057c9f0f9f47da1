// What an endpoint has to do before it comes to one more request, as far as is known: of this
// gateway, exactly; of others, as they were told of; and of requests that passed no gateway, as the
// engine counts them. Of these only the number is known: each is taken to be as the pool's mean.
import { residentOn, unansweredOn } from "../hints/flight.ts";
import { Pool } from "../hints/pool.ts";
import {
  foreignRequestsOf,
  foreignWaitingOf,
  otherResidentOf,
  otherUnansweredOf,
} from "../hints/table.ts";
import { backlogInFlight } from "./in-flight.ts";

/** Uncached prompt bytes that were not answered yet. */
export function backlogBefore(pool: Pool, slot: u32, trust: f64): f64 {
  const foreign = <f64>unchecked(foreignWaitingOf[slot]) * pool.meanUncached;
  return backlogInFlight(slot, trust) + trust * foreign;
}

/** Requests that wait for their first byte. */
export function waitingBefore(slot: u32, trust: f64): f64 {
  const others = unchecked(otherUnansweredOf[slot]) + unchecked(foreignWaitingOf[slot]);
  return <f64>unansweredOn(slot) + trust * <f64>others;
}

/** Prompt bytes that decode steps read. */
export function residentBefore(pool: Pool, slot: u32, trust: f64): f64 {
  const foreign = <f64>unchecked(foreignRequestsOf[slot]) * pool.meanPrompt;
  return residentOn(slot) + trust * (<f64>unchecked(otherResidentOf[slot]) + foreign);
}
