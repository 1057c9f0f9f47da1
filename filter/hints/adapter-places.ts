// Whether an endpoint can run a request's LoRA adapter at once. Engines run so many adapters at a
// time and no more: a request for another one waits until all requests of some adapter have ended.
// What engines tell is as old as the last probe, so what this machine sent since is kept beside it.
import { SLOTS_MAX } from "../../protocol/limits.ts";
import { adapterCount, adaptersMost, holdsAdapter } from "./adapters.ts";
import { probedMs } from "./table.ts";

const RUNS: u32 = 0;
/** Has to be loaded first. */
export const HAS_ROOM: u32 = 1;
/** As many others run as may. */
export const IS_FULL: u32 = 2;

/** Adapters sent to a slot since its last probe that are remembered. */
const NOTES: i32 = 8;
const NOTE_BYTES: usize = 16;
const SLOT_BYTES: usize = <usize>NOTES * NOTE_BYTES;
/** A row per slot, made when an adapter is first known: name u64, when it was sent f64. */
let notes: usize = 0;

/** Names that engines told as adapters'; a base model's is never among them. */
const KNOWN: u32 = 4_096;
const KNOWN_MOST: u32 = 3_072;
const known = new StaticArray<u64>(<i32>KNOWN);
let knownCount: u32 = 0;

export function isAdapter(name: u64): bool {
  return knownCount > 0 && name !== 0 && unchecked(known[placeOf(name)]) === name;
}

/** Where they get too many all are forgotten: those in use are told again by the next probes. */
export function knowAdapter(name: u64): void {
  if (name === 0 || isAdapter(name)) return;
  if (knownCount === KNOWN_MOST) {
    known.fill(0);
    knownCount = 0;
  }
  unchecked((known[placeOf(name)] = name));
  knownCount++;
}

function placeOf(name: u64): i32 {
  let place = <u32>name & (KNOWN - 1);
  while (unchecked(known[place]) !== 0 && unchecked(known[place]) !== name) {
    place = (place + 1) & (KNOWN - 1);
  }
  return <i32>place;
}

/** A request for the adapter was sent there. */
export function noteSent(slot: u32, name: u64, atMs: f64): void {
  if (!isAdapter(name)) return;
  if (notes === 0) {
    notes = heap.alloc(<usize>SLOTS_MAX * SLOT_BYTES);
    memory.fill(notes, 0, <usize>SLOTS_MAX * SLOT_BYTES);
  }
  let oldest = rowOf(slot);
  for (let i = 0; i < NOTES; i++) {
    const at = rowOf(slot) + <usize>i * NOTE_BYTES;
    if (load<u64>(at) === name) {
      store<f64>(at, atMs, 8);
      return;
    }
    if (load<f64>(at, 8) < load<f64>(oldest, 8)) oldest = at;
  }
  store<u64>(oldest, name);
  store<f64>(oldest, atMs, 8);
}

/** The slot has another endpoint, which was sent nothing. */
export function forgetSent(slot: u32): void {
  if (notes !== 0) memory.fill(rowOf(slot), 0, SLOT_BYTES);
}

function rowOf(slot: u32): usize {
  return notes + <usize>slot * SLOT_BYTES;
}

/** HAS_ROOM or IS_FULL, or 0 where the adapter runs or the engine tells nothing of adapters. */
export function adapterPlace(slot: u32, name: u64): u32 {
  const most = adaptersMost(slot);
  if (most === 0 || holdsAdapter(slot, name)) return RUNS;
  let running = adapterCount(slot);
  for (let i = 0; notes !== 0 && i < NOTES; i++) {
    const at = rowOf(slot) + <usize>i * NOTE_BYTES;
    if (load<f64>(at, 8) <= unchecked(probedMs[slot])) continue;
    if (load<u64>(at) === name) return RUNS;
    if (!holdsAdapter(slot, load<u64>(at))) running++;
  }
  return running < most ? HAS_ROOM : IS_FULL;
}
