// What a virtual machine does between requests: look at those that wait, share, keep the lease and
// the link, write gauges, tidy the index. It ticks often while there is anything to tell, and seldom
// while there is not.

import { writeCounters } from "./hints/counters.ts";
import { writeGauges } from "./hints/gauges.ts";
import { dropLease, keepLease } from "./hints/lease.ts";
import { isLinkIdle, keepLink } from "./hints/link.ts";
import { isReady, ownNumber } from "./hints/machines.ts";
import { sweep } from "./hints/prefix-index.ts";
import { shareAll } from "./hints/sharing.ts";
import { setTickPeriod } from "./host/callouts.ts";
import { nowMs } from "./host/clock.ts";
import { lookAtWaiting } from "./request/waiting.ts";
import { root } from "./root.ts";
import { trapAsHolder } from "./trap.ts";

/** A pick is known to the other workers at the next tick. */
const TICK_MS: u32 = 5;
/** Shorter than lease and heartbeats need. */
const IDLE_TICK_MS: u32 = 100;
/** So long after the last traffic a machine counts as idle. */
const IDLE_AFTER_MS: f64 = 250;
const METRICS_MS: f64 = 250;
/** Entries of the index looked at in a millisecond: all there may be in two minutes. */
const SWEEP_ENTRIES_MS: f64 = 13;
const SWEEP_ENTRIES_MAX: f64 = 4_096;

let metricsAtMs: f64 = 0;
let tickedAtMs: f64 = 0;
let busyAtMs: f64 = 0;
/** Traffic since the last tick. */
let hasTraffic: bool = true;
let isIdle: bool = false;

export function startTicking(): void {
  setTickPeriod(TICK_MS);
}

/** A request, or word of one: there is something to tell soon. */
export function noteTraffic(): void {
  hasTraffic = true;
  if (!isIdle) return;
  isIdle = false;
  setTickPeriod(TICK_MS);
}

export function tick(): void {
  const atMs = nowMs();
  if (isReady) keepLease(<u32>ownNumber, atMs);
  else dropLease();
  if (TRAPS !== 0) trapAsHolder();
  // Before sharing, so that failures are told in this tick.
  lookAtWaiting(root, atMs);
  shareAll(atMs);
  keepLink(atMs);
  sweep(<u32>min((atMs - tickedAtMs) * SWEEP_ENTRIES_MS, SWEEP_ENTRIES_MAX));
  tickedAtMs = atMs;
  rest(atMs);
  if (atMs - metricsAtMs < METRICS_MS) return;
  metricsAtMs = atMs;
  writeGauges(isReady ? ownNumber : -1);
  writeCounters(isReady ? ownNumber : -1);
}

/** Slows down when nothing came for a while and nothing waits to be told. */
function rest(atMs: f64): void {
  if (hasTraffic || !isLinkIdle()) busyAtMs = atMs;
  hasTraffic = false;
  if (isIdle || atMs - busyAtMs < IDLE_AFTER_MS) return;
  isIdle = true;
  setTickPeriod(IDLE_TICK_MS);
}
