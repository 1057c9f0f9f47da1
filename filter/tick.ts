// What a virtual machine does between requests: share, keep the lease and the link, write gauges,
// tidy the index.

import { writeCounters } from "./hints/counters.ts";
import { writeGauges } from "./hints/gauges.ts";
import { dropLease, keepLease } from "./hints/lease.ts";
import { keepLink } from "./hints/link.ts";
import { isReady, ownNumber } from "./hints/machines.ts";
import { sweep } from "./hints/prefix-index.ts";
import { shareAll } from "./hints/sharing.ts";
import { setTickPeriod } from "./host/callouts.ts";
import { nowMs } from "./host/clock.ts";
import { trapAsHolder } from "./trap.ts";

/** A pick is known to the other workers at the next tick. */
const TICK_MS: u32 = 5;
const METRICS_MS: f64 = 250;
/** Entries of the index looked at in one tick: a million in a minute and a half. */
const SWEEP_ENTRIES: u32 = 64;

let metricsAtMs: f64 = 0;

export function startTicking(): void {
  setTickPeriod(TICK_MS);
}

export function tick(): void {
  const atMs = nowMs();
  if (isReady) keepLease(<u32>ownNumber, atMs);
  else dropLease();
  if (TRAPS !== 0) trapAsHolder();
  shareAll(atMs);
  keepLink(atMs);
  sweep(SWEEP_ENTRIES);
  if (atMs - metricsAtMs < METRICS_MS) return;
  metricsAtMs = atMs;
  writeGauges(isReady ? ownNumber : -1);
  writeCounters(isReady ? ownNumber : -1);
}
