// What the filter counts. Numbers are kept in memory and added to the host's counters on the tick,
// so that counting costs the request nothing.

import { Text } from "../host/memory.ts";
import { addToMetric, COUNTER, defineMetric, GAUGE, setMetric } from "../host/metrics.ts";
import { entryCount } from "./entries.ts";
import { refusedKeys } from "./prefix-index.ts";

class Counters {
  picksFresh: u32 = 0;
  picksStale: u32 = 0;
  picksBlind: u32 = 0;
  picksWithoutPrompt: u32 = 0;
  picksWithoutHints: u32 = 0;
  picksWithoutEffect: u32 = 0;
  picksLastResort: u32 = 0;
  bodiesUnreadable: u32 = 0;
  bodiesTruncated: u32 = 0;
  membersStripped: u32 = 0;
  headersStripped: u32 = 0;
  rejectedNoEndpoints: u32 = 0;
  rejectedSaturated: u32 = 0;
  rejectedTooLarge: u32 = 0;
  rejectedHeldBytes: u32 = 0;
  rejectedBadBody: u32 = 0;
  rejectedModel: u32 = 0;
  rejectedUnread: u32 = 0;
  rejectedPrefill: u32 = 0;
  rejectedEncode: u32 = 0;
  prefills: u32 = 0;
  prefillsFailed: u32 = 0;
  prefillsRefused: u32 = 0;
  prefillsUnheld: u32 = 0;
  encodes: u32 = 0;
  encodesFailed: u32 = 0;
  encodesRefused: u32 = 0;
  endpointFailures: u32 = 0;
  requestsRetried: u32 = 0;
  streamsCut: u32 = 0;
  modelsRewritten: u32 = 0;
  responsesUnedited: u32 = 0;
  hintsAccepted: u32 = 0;
  hintsRefused: u32 = 0;
  messagesRefused: u32 = 0;
  pollsFailed: u32 = 0;
  reportsFailed: u32 = 0;
  versionsRefused: u32 = 0;
  recordsDropped: u32 = 0;
  shadowAgreed: u32 = 0;
  shadowDiffered: u32 = 0;
  requestsPassedBy: u32 = 0;
  rejectedShed: u32 = 0;
  rejectedUnavailable: u32 = 0;
}

export const counters = new Counters();

// The names, in the order of the fields above: a counter's value is read by its place.
const NAMES: StaticArray<string> = [
  "picks_fresh",
  "picks_stale",
  "picks_blind",
  "picks_without_prompt",
  "picks_without_hints",
  "picks_without_effect",
  "picks_last_resort",
  "bodies_unreadable",
  "bodies_truncated",
  "members_stripped",
  "headers_stripped",
  "rejected_no_endpoints",
  "rejected_saturated",
  "rejected_too_large",
  "rejected_held_bytes",
  "rejected_bad_body",
  "rejected_model",
  "rejected_unread",
  "rejected_prefill",
  "rejected_encode",
  "prefills",
  "prefills_failed",
  "prefills_refused",
  "prefills_unheld",
  "encodes",
  "encodes_failed",
  "encodes_refused",
  "endpoint_failures",
  "requests_retried",
  "streams_cut",
  "models_rewritten",
  "responses_unedited",
  "hints_accepted",
  "hints_refused",
  "messages_refused",
  "polls_failed",
  "reports_failed",
  "versions_refused",
  "records_dropped",
  "shadow_agreed",
  "shadow_differed",
  "requests_passed_by",
  "rejected_shed",
  "rejected_unavailable",
];

const COUNT: i32 = NAMES.length;
const ids = new StaticArray<u32>(COUNT);
/** The gauges below are those of this machine number. */
let gaugesOf: i32 = -1;
let indexGauge: u32 = 0;
let refusedGauge: u32 = 0;

function metric(type: i32, name: string): u32 {
  const text = new Text("hintway." + name);
  return defineMetric(type, text.at, text.bytes);
}

export function defineCounters(): void {
  for (let i = 0; i < COUNT; i++) unchecked((ids[i] = metric(COUNTER, unchecked(NAMES[i]))));
}

export function writeCounters(machine: i32): void {
  const values = changetype<usize>(counters);
  for (let i = 0; i < COUNT; i++) {
    const at = values + ((<usize>i) << 2);
    const value = load<u32>(at);
    if (value === 0) continue;
    store<u32>(at, 0);
    addToMetric(unchecked(ids[i]), <i64>value);
  }
  if (machine < 0) return;
  if (gaugesOf !== machine) {
    gaugesOf = machine;
    indexGauge = indexGaugeOf(machine);
    refusedGauge = refusedGaugeOf(machine);
  }
  setMetric(indexGauge, entryCount);
  setMetric(refusedGauge, refusedKeys);
}

function indexGaugeOf(machine: i32): u32 {
  return metric(GAUGE, `machine_${machine}.index_keys`);
}

function refusedGaugeOf(machine: i32): u32 {
  return metric(GAUGE, `machine_${machine}.index_keys_refused`);
}

/** Zeroes what a machine that is gone left behind. */
export function zeroIndexGauges(machine: i32): void {
  setMetric(indexGaugeOf(machine), 0);
  setMetric(refusedGaugeOf(machine), 0);
}
