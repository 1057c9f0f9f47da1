// Which endpoints fail, as this gateway sees it. While there are others, two kinds get no picks:
// - An endpoint that failed before it answered, until the control plane has probed it well since, or,
//   without word from there, until one request may try it again.
// - An endpoint whose latest answers were errors for the most part. It answers sooner than those that
//   compute, so nothing ever waits there, and the less an endpoint has in flight the more it is sent.
//   Probes do not clear it: its metrics page may be as good as ever. Requests do, one at a time.
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { STATE_DOWN, STATE_UP } from "../../protocol/records.ts";
import { Avoidance } from "./avoidance.ts";
import { stateOf } from "./table.ts";

const SLOTS: i32 = <i32>SLOTS_MAX;
/** A probe that began before the failure was known proves nothing; clocks and messages take this. */
const PROBE_MARGIN_MS: f64 = 100;
/**
 * With these, three errors in a row are too many, and three good answers in a row enough. One
 * request in four that makes any server fail hardly ever takes an endpoint out.
 */
const ERROR_GAIN: f64 = 0.25;
const ERRORS_MOST: f64 = 0.5;
/** From this status on, it is not the request's fault. */
const SERVER_ERRORS: u32 = 500;

const silent = new Avoidance();
const erring = new Avoidance();
/** Of the latest answers, the share that were errors; a later one counts more. */
const errorsOf = new StaticArray<f64>(SLOTS);

/** It failed before it answered. */
export function noteFailure(slot: u32, atMs: f64): void {
  silent.begin(slot, atMs);
}

/** It answered a request of this machine or of another. */
export function noteOutcome(slot: u32, status: u32, atMs: f64): void {
  const isError = status >= SERVER_ERRORS;
  const before = unchecked(errorsOf[slot]);
  const share = before + ERROR_GAIN * ((isError ? 1 : 0) - before);
  unchecked((errorsOf[slot] = share));
  if (share <= ERRORS_MOST) erring.end(slot);
  else if (isError) erring.begin(slot, atMs);
  else erring.tryNow(slot);
}

/** An engine that was away for this long has most likely been started anew, with an empty cache. */
const AWAY_MS: f64 = 1_000;
const downSinceMs = new StaticArray<f64>(SLOTS);

/** Takes what the control plane says; answers whether the endpoint is back from being away. */
export function noteState(slot: u32, state: u32, atMs: f64): bool {
  const since = unchecked(downSinceMs[slot]);
  if (state === STATE_DOWN) {
    if (since === 0) unchecked((downSinceMs[slot] = atMs));
    return false;
  }
  unchecked((downSinceMs[slot] = 0));
  return since !== 0 && atMs - since >= AWAY_MS;
}

const answeredAtMs = new StaticArray<f64>(SLOTS);

/** It answered a request of this machine. */
export function noteAnswer(slot: u32, status: u32, atMs: f64): void {
  unchecked((answeredAtMs[slot] = atMs));
  silent.end(slot);
  noteOutcome(slot, status, atMs);
}

/** Whether a request of this machine has been answered there since `sinceMs`. */
export function hasAnsweredSince(slot: u32, sinceMs: f64): bool {
  return unchecked(answeredAtMs[slot]) >= sinceMs;
}

/** Another endpoint has the slot: nothing is held against it. */
export function forgive(slot: u32): void {
  silent.end(slot);
  erring.end(slot);
  unchecked((errorsOf[slot] = 0));
}

export function noteProbe(slot: u32, goodAtMs: f64): void {
  if (goodAtMs > silent.since(slot) + PROBE_MARGIN_MS) silent.end(slot);
}

/** Whether the control plane holds it to be up. */
export function isUp(slot: u32): bool {
  return unchecked(stateOf[slot]) === STATE_UP;
}

export function mayBePicked(slot: u32, atMs: f64): bool {
  return isUp(slot) && silent.allows(slot, atMs) && erring.allows(slot, atMs);
}

export function notePick(slot: u32, atMs: f64): void {
  silent.notePick(slot, atMs);
  erring.notePick(slot, atMs);
}
