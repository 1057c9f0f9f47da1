// Which endpoints fail, as this gateway sees it: while there are others, an endpoint that failed
// before it answered gets no picks until the control plane has probed it well since, or, without word
// from there, until one request may try it again.
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { STATE_DOWN, STATE_UP } from "../../protocol/records.ts";
import { stateOf } from "./table.ts";

const SLOTS: i32 = <i32>SLOTS_MAX;
const RETRY_MS_MIN: f64 = 1_000;
const RETRY_MS_MAX: f64 = 30_000;
/** A probe that began before the failure was known proves nothing; clocks and messages take this. */
const PROBE_MARGIN_MS: f64 = 100;

const failedAtMs = new StaticArray<f64>(SLOTS);
const retryAtMs = new StaticArray<f64>(SLOTS);
const waitMs = new StaticArray<f64>(SLOTS);

/** Requests that fail together are one failure; one that fails after the wait doubles it. */
export function noteFailure(slot: u32, atMs: f64): void {
  const wait = unchecked(waitMs[slot]);
  if (wait === 0) unchecked((waitMs[slot] = RETRY_MS_MIN));
  else if (atMs - unchecked(failedAtMs[slot]) >= wait) {
    unchecked((waitMs[slot] = min(wait * 2, RETRY_MS_MAX)));
  }
  unchecked((failedAtMs[slot] = atMs));
  unchecked((retryAtMs[slot] = atMs + waitMs[slot]));
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

/** It answered: whatever was held against it is over. */
export function noteAnswer(slot: u32, atMs: f64): void {
  unchecked((answeredAtMs[slot] = atMs));
  forgive(slot);
}

/** Whether a request of this machine has been answered there since `sinceMs`. */
export function hasAnsweredSince(slot: u32, sinceMs: f64): bool {
  return unchecked(answeredAtMs[slot]) >= sinceMs;
}

/** Nothing is held against it any more. */
export function forgive(slot: u32): void {
  if (unchecked(failedAtMs[slot]) === 0) return;
  unchecked((failedAtMs[slot] = 0));
  unchecked((waitMs[slot] = 0));
}

export function noteProbe(slot: u32, goodAtMs: f64): void {
  const failed = unchecked(failedAtMs[slot]);
  if (failed !== 0 && goodAtMs > failed + PROBE_MARGIN_MS) forgive(slot);
}

/** Whether the control plane holds it to be up. */
export function isUp(slot: u32): bool {
  return unchecked(stateOf[slot]) === STATE_UP;
}

export function mayBePicked(slot: u32, atMs: f64): bool {
  if (!isUp(slot)) return false;
  return unchecked(failedAtMs[slot]) === 0 || atMs >= unchecked(retryAtMs[slot]);
}

/** A pick of an endpoint on trial: nobody else tries until this one is known. */
export function notePick(slot: u32, atMs: f64): void {
  if (unchecked(failedAtMs[slot]) === 0) return;
  unchecked((retryAtMs[slot] = atMs + waitMs[slot]));
}
