// LoRA adapters of each endpoint, as hashes of their names.
import { ADAPTERS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";

const SLOT_BYTES: usize = (<usize>ADAPTERS_MAX) << 3;
const mostOf = new StaticArray<u32>(<i32>SLOTS_MAX);
const activeOf = new StaticArray<u32>(<i32>SLOTS_MAX);
const waitingOf = new StaticArray<u32>(<i32>SLOTS_MAX);
let names: usize = 0;

/** Takes what the endpoint runs; `at` has the active hashes, then the waiting ones. */
export function setAdapters(slot: u32, most: u32, active: u32, waiting: u32, at: usize): void {
  unchecked((mostOf[slot] = most));
  unchecked((activeOf[slot] = active));
  unchecked((waitingOf[slot] = waiting));
  if (active + waiting === 0) return;
  if (names === 0) names = heap.alloc(<usize>SLOTS_MAX * SLOT_BYTES);
  memory.copy(names + <usize>slot * SLOT_BYTES, at, (<usize>(active + waiting)) << 3);
}

function holds(slot: u32, from: u32, to: u32, name: u64): bool {
  for (let i = from; i < to; i++) {
    if (load<u64>(names + <usize>slot * SLOT_BYTES + ((<usize>i) << 3)) === name) return true;
  }
  return false;
}

/** Whether the adapter is active or waited for. */
export function holdsAdapter(slot: u32, name: u64): bool {
  return holds(slot, 0, adapterCount(slot), name);
}

/** Adapters active and waited for. */
export function adapterCount(slot: u32): u32 {
  return unchecked(activeOf[slot]) + unchecked(waitingOf[slot]);
}

/** 1 when the adapter is active, 0.8 when another fits, 0.6 when it is waited for, else 0. */
export function adapterAffinity(slot: u32, name: u64): f64 {
  const active = unchecked(activeOf[slot]);
  const waiting = unchecked(waitingOf[slot]);
  if (active > 0 && holds(slot, 0, active, name)) return 1;
  if (active + waiting < unchecked(mostOf[slot])) return 0.8;
  return waiting > 0 && holds(slot, active, active + waiting, name) ? 0.6 : 0;
}

export function adaptersMost(slot: u32): u32 {
  return unchecked(mostOf[slot]);
}

export function adaptersActive(slot: u32): u32 {
  return unchecked(activeOf[slot]);
}

export function adaptersWaiting(slot: u32): u32 {
  return unchecked(waitingOf[slot]);
}

/** Where the hashes stand, active ones first. */
export function adapterNames(slot: u32): usize {
  return names + <usize>slot * SLOT_BYTES;
}
