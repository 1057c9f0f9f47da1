// The visible record of what is in flight: a gauge per slot and machine. Named by numbers that are
// reused, so endpoints that come and go add none.
import { SLOTS_MAX, VMS_MAX } from "../../protocol/limits.ts";
import { Text } from "../host/memory.ts";
import { defineMetric, GAUGE, setMetric } from "../host/metrics.ts";
import { TextBuffer } from "../text-buffer.ts";
import { ownBacklog, ownRequests, SlotSet } from "./flight.ts";

const ids = new StaticArray<u32>(<i32>SLOTS_MAX * 2);
const toWrite = new SlotSet(<i32>SLOTS_MAX);
let definedFor: i32 = -1;

const name = new TextBuffer(96);
const SLOT = new Text("hintway.slot_");
const MACHINE = new Text(".machine_");
const REQUESTS = new Text(".requests");
const PREFILL_BYTES = new Text(".prefill_bytes");

function define(slot: u32, machine: i32, what: Text): u32 {
  name.clear();
  name.addText(SLOT);
  name.addInteger(slot);
  name.addText(MACHINE);
  name.addInteger(machine);
  name.addText(what);
  return defineMetric(GAUGE, name.at, name.bytes);
}

export function noteChange(slot: u32): void {
  toWrite.add(slot);
}

/** Writes the gauges of the slots that changed since the last call. */
export function writeGauges(machine: i32): void {
  if (machine < 0) return;
  if (definedFor !== machine) {
    ids.fill(0);
    definedFor = machine;
  }
  while (toWrite.count > 0) {
    const slot = toWrite.take();
    const at = <i32>slot * 2;
    if (unchecked(ids[at]) === 0) {
      unchecked((ids[at] = define(slot, machine, REQUESTS)));
      unchecked((ids[at + 1] = define(slot, machine, PREFILL_BYTES)));
    }
    setMetric(unchecked(ids[at]), unchecked(ownRequests[slot]));
    setMetric(unchecked(ids[at + 1]), <u64>unchecked(ownBacklog[slot]));
  }
}

/** Zeroes what a machine that is gone left behind. */
export function zeroGauges(machine: i32): void {
  if (machine < 0 || machine >= <i32>VMS_MAX) return;
  for (let slot: u32 = 0; slot < highestSlot; slot++) {
    setMetric(define(slot, machine, REQUESTS), 0);
    setMetric(define(slot, machine, PREFILL_BYTES), 0);
  }
}

let highestSlot: u32 = 0;

/** Slots below this one have been in a table: gauges beyond were never made. */
export function noteSlot(slot: u32): void {
  if (slot >= highestSlot) highestSlot = slot + 1;
}
