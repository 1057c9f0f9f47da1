// A worker that starts with nothing is told what the holder of the lease knows: table, loads
// and index.
import { holderOf } from "../../protocol/holders.ts";
import { SLOTS_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { adapterNames, adaptersActive, adaptersMost, adaptersWaiting } from "./adapters.ts";
import { entrySlots, HOLDERS_MAX } from "./entries.ts";
import { sendKeptTable } from "./kept-table.ts";
import { sendTo } from "./machines.ts";
import { position } from "./position.ts";
import { holderAgeBlocks, holderSlot, keyOf } from "./prefix-index.ts";
import { RecordBuffer } from "./record-buffer.ts";
import * as table from "./table.ts";
import { valueCount, valuesAt } from "./values.ts";

const SEED_BYTES_MAX: u32 = 512 * 1024;

const seed = new RecordBuffer(SEED_BYTES_MAX);

export function seedMachine(machine: i32): void {
  if (table.generation === 0) return;
  sendKeptTable(machine);
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) {
    if (table.isServing(slot)) addLoad(machine, slot);
  }
  send(machine);
  addPosition();
  send(machine);
  seedIndex(machine);
}

/** Tells a machine what this one believes to be in the endpoints' caches. */
export function seedIndex(machine: i32): void {
  for (let index: u32 = 0; index < entrySlots(); index++) {
    if (addHolders(seed, index)) continue;
    send(machine);
    addHolders(seed, index);
  }
  send(machine);
}

function send(machine: i32): void {
  if (!seed.isEmpty) {
    seed.seal(0, table.generation, 0);
    sendTo(machine, seed.at, seed.frameBytes);
  }
  seed.clear();
}

/** Adds what one entry of the index says; false when the buffer is full and must be sent first. */
export function addHolders(into: RecordBuffer, index: u32): bool {
  const key = keyOf(index);
  if (key === 0) return true;
  for (let holder = 0; holder < HOLDERS_MAX; holder++) {
    const slot = holderSlot(index, holder);
    if (slot < 0 || !table.isServing(<u32>slot)) continue;
    const held = holderOf(<u32>slot, holderAgeBlocks(index, holder));
    if (!into.addEntry(key, held)) return false;
  }
  return true;
}

function addLoad(machine: i32, slot: u32): void {
  const active = adaptersActive(slot);
  const waiting = adaptersWaiting(slot);
  const values = valueCount(slot);
  const bytes = wire.LOAD_BYTES + (active + waiting) * 8 + values * 4;
  if (!seed.hasRoom(bytes)) send(machine);
  const at = seed.at + seed.begin(wire.LOAD, bytes);
  store<u32>(at, slot);
  store<u32>(at + wire.LOAD_STATE, unchecked(table.stateOf[slot]));
  store<u32>(at + wire.LOAD_PROBE_AGE_MS, wire.AGE_UNKNOWN_MS);
  store<u32>(at + wire.LOAD_WAITING, unchecked(table.waitingOf[slot]));
  store<u32>(at + wire.LOAD_RUNNING, unchecked(table.runningOf[slot]));
  store<f32>(at + wire.LOAD_KV_USE, unchecked(table.kvUseOf[slot]));
  store<u32>(at + wire.LOAD_OTHER_REQUESTS, unchecked(table.otherRequestsOf[slot]));
  store<u32>(at + wire.LOAD_OTHER_BACKLOG_BYTES, unchecked(table.otherBacklogOf[slot]));
  store<u32>(at + wire.LOAD_OTHER_RESIDENT_BYTES, unchecked(table.otherResidentOf[slot]));
  store<u32>(at + wire.LOAD_OTHER_UNANSWERED, unchecked(table.otherUnansweredOf[slot]));
  store<u32>(at + wire.LOAD_FOREIGN_WAITING, unchecked(table.foreignWaitingOf[slot]));
  store<u32>(at + wire.LOAD_FOREIGN_REQUESTS, unchecked(table.foreignRequestsOf[slot]));
  store<f32>(at + wire.LOAD_SLOWNESS, unchecked(table.slownessOf[slot]));
  store<u32>(at + wire.LOAD_ADAPTERS_MOST, adaptersMost(slot));
  store<u32>(at + wire.LOAD_ADAPTERS_ACTIVE, active);
  store<u32>(at + wire.LOAD_ADAPTERS_WAITING, waiting);
  store<u32>(at + wire.LOAD_VALUES, values);
  const names = (<usize>(active + waiting)) << 3;
  if (names > 0) memory.copy(at + wire.LOAD_BYTES, adapterNames(slot), names);
  if (values > 0) {
    memory.copy(at + wire.LOAD_BYTES + names, valuesAt(slot), (<usize>values) << 2);
  }
}

function addPosition(): void {
  const body = seed.begin(wire.POSITION, wire.POSITION_BYTES);
  store<u32>(seed.at + body, position.table);
  store<u32>(seed.at + body + wire.POSITION_LOADS, position.loads);
  store<u32>(seed.at + body + wire.POSITION_INDEX, position.index);
  store<u32>(seed.at + body + wire.POSITION_ORIGIN, position.origin);
}
