// What is in flight: this machine's own share of each endpoint, and the shares its siblings told.
// A share is absolute, so a lost message costs one period, never the truth.
import { SLOTS_MAX, VMS_MAX } from "../../protocol/limits.ts";

const SLOTS: i32 = <i32>SLOTS_MAX;

export const ownRequests = new StaticArray<u32>(SLOTS);
/** Of the requests, those with a prompt of which no byte of the answer came. */
export const ownUnanswered = new StaticArray<u32>(SLOTS);
export const ownBacklog = new StaticArray<f64>(SLOTS);
export const ownResident = new StaticArray<f64>(SLOTS);

/** Sums over siblings. */
const siblingRequests = new StaticArray<u32>(SLOTS);
const siblingUnanswered = new StaticArray<u32>(SLOTS);
const siblingBacklog = new StaticArray<f64>(SLOTS);
const siblingResident = new StaticArray<f64>(SLOTS);

/** A set of slots that is emptied by walking it. */
export class SlotSet {
  private isMember: StaticArray<bool>;
  private members: StaticArray<u16>;
  count: i32 = 0;

  constructor(slots: i32) {
    this.isMember = new StaticArray<bool>(slots);
    this.members = new StaticArray<u16>(slots);
  }

  add(slot: u32): void {
    if (unchecked(this.isMember[slot])) return;
    unchecked((this.isMember[slot] = true));
    unchecked((this.members[this.count] = <u16>slot));
    this.count++;
  }

  take(): u32 {
    this.count--;
    const slot = <u32>unchecked(this.members[this.count]);
    unchecked((this.isMember[slot] = false));
    return slot;
  }
}

/** Own shares that changed since the last message, and those that changed since the last report. */
export const changed = new SlotSet(SLOTS);
export const unreported = new SlotSet(SLOTS);

export function addFlight(
  slot: u32,
  requests: i32,
  unanswered: i32,
  backlog: f64,
  resident: f64,
): void {
  unchecked((ownRequests[slot] = ownRequests[slot] + requests));
  unchecked((ownUnanswered[slot] = ownUnanswered[slot] + unanswered));
  unchecked((ownBacklog[slot] = max(0, ownBacklog[slot] + backlog)));
  unchecked((ownResident[slot] = max(0, ownResident[slot] + resident)));
  changed.add(slot);
  unreported.add(slot);
}

/** The slot has another endpoint: nothing that was counted belongs to it. */
export function clearFlight(slot: u32): void {
  unchecked((ownRequests[slot] = 0));
  unchecked((ownUnanswered[slot] = 0));
  unchecked((ownBacklog[slot] = 0));
  unchecked((ownResident[slot] = 0));
  for (let machine = 0; machine < <i32>VMS_MAX; machine++) replaceShare(machine, slot, 0, 0, 0, 0);
  changed.add(slot);
  unreported.add(slot);
}

export function requestsOn(slot: u32): u32 {
  return unchecked(ownRequests[slot]) + unchecked(siblingRequests[slot]);
}

export function unansweredOn(slot: u32): u32 {
  return unchecked(ownUnanswered[slot]) + unchecked(siblingUnanswered[slot]);
}

export function backlogOn(slot: u32): f64 {
  return unchecked(ownBacklog[slot]) + unchecked(siblingBacklog[slot]);
}

export function residentOn(slot: u32): f64 {
  return unchecked(ownResident[slot]) + unchecked(siblingResident[slot]);
}

// ---- siblings -----------------------------------------------------------------------------------

// A row per machine, made when it is first heard: requests, backlog, resident, unanswered (u32 each)
// a slot.
const SHARE_BYTES: usize = 16;
const rows = new StaticArray<usize>(<i32>VMS_MAX);

export function replaceShare(
  machine: i32,
  slot: u32,
  requests: u32,
  backlog: u32,
  resident: u32,
  unanswered: u32,
): void {
  let row = unchecked(rows[machine]);
  if (row === 0) {
    if (requests === 0 && backlog === 0 && resident === 0) return;
    row = heap.alloc(<usize>SLOTS_MAX * SHARE_BYTES);
    memory.fill(row, 0, <usize>SLOTS_MAX * SHARE_BYTES);
    unchecked((rows[machine] = row));
  }
  const at = row + <usize>slot * SHARE_BYTES;
  const requestsBefore = load<u32>(at);
  const backlogBefore = <f64>load<u32>(at, 4);
  const residentBefore = <f64>load<u32>(at, 8);
  const unansweredBefore = load<u32>(at, 12);
  unchecked((siblingRequests[slot] = siblingRequests[slot] + requests - requestsBefore));
  unchecked((siblingUnanswered[slot] = siblingUnanswered[slot] + unanswered - unansweredBefore));
  unchecked((siblingBacklog[slot] = siblingBacklog[slot] + <f64>backlog - backlogBefore));
  unchecked((siblingResident[slot] = siblingResident[slot] + <f64>resident - residentBefore));
  store<u32>(at, requests);
  store<u32>(at, backlog, 4);
  store<u32>(at, resident, 8);
  store<u32>(at, unanswered, 12);
  unreported.add(slot);
}

/** A machine is gone: nothing of it is in flight. */
export function forgetMachine(machine: i32): void {
  if (unchecked(rows[machine]) === 0) return;
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) replaceShare(machine, slot, 0, 0, 0, 0);
}
