// What a virtual machine does between requests: look at those that wait, share, keep the lease and
// the link, write gauges, tidy the index. It ticks often while there is anything to tell, and seldom
// while there is not.

import { writeCounters } from "./hints/counters.ts";
import { writeGauges } from "./hints/gauges.ts";
import { dropLease, keepLease } from "./hints/lease.ts";
import { keepLink, linkWaitMs } from "./hints/link.ts";
import { isLookDue, isReady, ownNumber } from "./hints/machines.ts";
import { sweep } from "./hints/prefix-index.ts";
import { hasToTell, shareAll } from "./hints/sharing.ts";
import { setTickPeriod } from "./host/callouts.ts";
import { nowMs, recentMs } from "./host/clock.ts";
import { isAnyWaiting, lookAtWaiting } from "./request/waiting.ts";
import { root } from "./root.ts";
import { trapAsHolder } from "./trap.ts";

/** While there is anything to tell the other machines, or a request to look at. */
const TICK_MS: u32 = 5;
/** Shorter than lease and heartbeats need. */
const IDLE_TICK_MS: u32 = 100;
/** At a machine's start much happens for the first time. */
const START_MS: f64 = 250;
const METRICS_MS: f64 = 250;
/** Entries of the index looked at in a millisecond: all there may be in two minutes. */
const SWEEP_ENTRIES_MS: f64 = 13;
const SWEEP_ENTRIES_MAX: f64 = 4_096;

let metricsAtMs: f64 = 0;
let tickedAtMs: f64 = 0;
let period: u32 = IDLE_TICK_MS;
let startedMs: f64 = 0;

export function startTicking(): void {
  setPeriod(TICK_MS);
  startedMs = nowMs();
}

/** After a callback: what it left to be told does not wait for a tick that comes seldom. */
export function tickSoon(): void {
  if (period === TICK_MS) return;
  const needed = neededPeriod();
  if (needed < period) setPeriod(needed);
}

function isNeededOften(): bool {
  return hasToTell() || isAnyWaiting() || isLookDue() || recentMs - startedMs < START_MS;
}

function neededPeriod(): u32 {
  if (isNeededOften()) return TICK_MS;
  return <u32>max(<f64>TICK_MS, min(<f64>IDLE_TICK_MS, linkWaitMs(recentMs)));
}

function setPeriod(ms: u32): void {
  if (period === ms) return;
  period = ms;
  setTickPeriod(ms);
}

export function tick(): void {
  const atMs = nowMs();
  // Where it is so at every tick, the period does not change to and fro.
  const isOften = isNeededOften();
  if (isReady) keepLease(<u32>ownNumber, atMs);
  else dropLease();
  if (TRAPS !== 0) trapAsHolder();
  // Before sharing, so that failures are told in this tick.
  lookAtWaiting(root, atMs);
  shareAll(atMs);
  keepLink(atMs);
  sweep(<u32>min((atMs - tickedAtMs) * SWEEP_ENTRIES_MS, SWEEP_ENTRIES_MAX));
  tickedAtMs = atMs;
  setPeriod(isOften ? TICK_MS : neededPeriod());
  if (atMs - metricsAtMs < METRICS_MS) return;
  metricsAtMs = atMs;
  writeGauges(isReady ? ownNumber : -1);
  writeCounters(isReady ? ownNumber : -1);
}
