// Hints become the table in force. A frame comes here when it is checked to its last field.

import * as encoding from "../../protocol/encoding-records.ts";
import {
  FLAG_WHOLE_TABLE,
  FRAME_HEADER_BYTES,
  frameFlags,
  frameGeneration,
  padded,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKind,
} from "../../protocol/frame.ts";
import { holderAge, holderSlot } from "../../protocol/holders.ts";
import { POOLS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
import { STEP_BYTES } from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";
import { forgetSent, knowAdapter } from "./adapter-places.ts";
import { setAdapters } from "./adapters.ts";
import { forgetAdmission, takeAdmission } from "./admission.ts";
import { forgetPast, keepBlocks } from "./bands.ts";
import { forgetColdUse, noteColdUse } from "./cold-use.ts";
import {
  forgetDisaggregation,
  takeDisaggregation,
  takeEncoding,
  takeRole,
} from "./disaggregation.ts";
import { reserve } from "./entries.ts";
import { clearFlight } from "./flight.ts";
import { noteSlot } from "./gauges.ts";
import { forgive, noteProbe, noteState } from "./health.ts";
import { forgetModels, takeModels } from "./models.ts";
import { position } from "./position.ts";
import { insertAged, insertKeys, removeKeys } from "./prefix-index.ts";
import { forgetRenewal, noteUncached } from "./renewal.ts";
import { forgetRewrites, takeRewrites } from "./rewrites.ts";
import * as table from "./table.ts";
import { setValues } from "./values.ts";

const isNamed = new StaticArray<bool>(<i32>SLOTS_MAX);

/**
 * Takes a checked frame of hints. `memoryAt` is where the view's byte 0 stands. What another
 * generation says of its slots is skipped, and so are parts of a table that is not whole.
 */
export function takeHints(view: DataView, memoryAt: usize, bytes: u32, nowMs: f64): void {
  const isWhole = (frameFlags(view, 0) & FLAG_WHOLE_TABLE) !== 0;
  const isOurs = isWhole || frameGeneration(view, 0) === table.generation;
  if (isWhole) takeTable(view, memoryAt, bytes);
  if (!isOurs) return;
  for (let at = FRAME_HEADER_BYTES; at < bytes; ) {
    takeRecord(view, recordKind(view, at), at + RECORD_HEADER_BYTES, memoryAt, nowMs);
    at += RECORD_HEADER_BYTES + recordBytes(view, at);
  }
}

/** The whole table comes before what else the frame says, so that the index has room for its keys. */
function takeTable(view: DataView, memoryAt: usize, bytes: u32): void {
  beginTable(frameGeneration(view, 0));
  for (let at = FRAME_HEADER_BYTES; at < bytes; ) {
    takeTablePart(view, recordKind(view, at), at + RECORD_HEADER_BYTES, memoryAt);
    at += RECORD_HEADER_BYTES + recordBytes(view, at);
  }
  endTable();
}

function takeTablePart(view: DataView, kind: u32, at: u32, memoryAt: usize): void {
  if (kind === wire.SETTINGS) takeSettings(view, at);
  else if (kind === wire.POOL) takePool(view, at, memoryAt);
  else if (kind === wire.ENDPOINT) takeEndpoint(view, at, memoryAt);
  else if (kind === wire.MODELS) takeModels(view, at, memoryAt);
  else if (kind === wire.REWRITES) takeRewrites(view, at, memoryAt);
  else if (kind === wire.ADMISSION) takeAdmission(view, at, memoryAt);
  else if (kind === wire.DISAGGREGATION) takeDisaggregation(view, at);
  else if (kind === wire.ROLE) takeRole(view, at, memoryAt);
  else if (kind === encoding.ENCODING) takeEncoding(view, at);
}

function takeRecord(view: DataView, kind: u32, at: u32, memoryAt: usize, nowMs: f64): void {
  if (kind === wire.LOAD) takeLoad(view, at, memoryAt, nowMs);
  else if (kind === wire.PICK) takePick(view, at, memoryAt);
  else if (kind === wire.ENTRIES) takeEntries(view, at, memoryAt);
  else if (kind === wire.POSITION) position.take(view, at, nowMs);
}

function beginTable(generation: u32): void {
  isNamed.fill(false);
  table.adoptGeneration(generation);
  forgetModels();
  forgetRewrites();
  forgetAdmission();
  forgetDisaggregation();
  for (let pool: u32 = 0; pool < POOLS_MAX; pool++) {
    const known = unchecked(table.pools[pool]);
    known.isUsed = false;
    known.slotCount = 0;
  }
}

function endTable(): void {
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) {
    if (unchecked(isNamed[slot]) || !table.isServing(slot)) continue;
    table.vacate(slot);
    clearFlight(slot);
    forgetCache(slot);
  }
  table.countPools();
  keepWhatFits();
}

/**
 * Says how much is remembered of each endpoint: its capacity times what the profile's ghosts reach
 * back, and the same share of it for all where the index cannot hold as much.
 */
function keepWhatFits(): void {
  let wanted: f64 = 0;
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) wanted += rememberedBlocks(slot);
  const room = <f64>table.settings.indexKeysMax;
  const share = min(1, room / max(1, wanted));
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) {
    keepBlocks(slot, <u32>(rememberedBlocks(slot) * share));
  }
  reserve(<u32>min(wanted, room));
}

function rememberedBlocks(slot: u32): f64 {
  if (!table.isServing(slot)) return 0;
  const reach = unchecked(table.pools[table.poolOf[slot]]).ghostSize;
  return <f64>max(unchecked(table.capacityOf[slot]), 1) * max(1, reach);
}

/** Nothing of what the slot's endpoint held counts any more. */
function forgetCache(slot: u32): void {
  forgetPast(slot);
  forgetRenewal(slot);
}

function takeSettings(view: DataView, at: u32): void {
  const settings = table.settings;
  settings.staleMs = <f64>view.getUint32(at + wire.SETTINGS_STALE_MS, true);
  settings.blindMs = max(
    settings.staleMs + 1,
    <f64>view.getUint32(at + wire.SETTINGS_BLIND_MS, true),
  );
  settings.bodyBytesMax = view.getUint32(at + wire.SETTINGS_BODY_BYTES, true);
  settings.heldBytesMax = view.getUint32(at + wire.SETTINGS_HELD_BYTES, true);
  settings.walkBytesMax = view.getUint32(at + wire.SETTINGS_WALK_BYTES, true);
  settings.reportMs = <f64>view.getUint32(at + wire.SETTINGS_REPORT_MS, true);
  settings.flags = view.getUint32(at + wire.SETTINGS_FLAGS, true);
  settings.indexKeysMax = view.getUint32(at + wire.SETTINGS_INDEX_KEYS, true);
  settings.fallbacks = view.getUint32(at + wire.SETTINGS_FALLBACKS, true);
}

function takePool(view: DataView, at: u32, memoryAt: usize): void {
  const number = view.getUint32(at + wire.POOL_NUMBER, true);
  const pool = unchecked(table.pools[number]);
  pool.isUsed = true;
  pool.isAside = (view.getUint32(at + wire.POOL_FLAGS, true) & wire.POOL_FLAG_ASIDE) !== 0;
  pool.clusterLow = view.getUint32(at + wire.POOL_CLUSTER_LOW, true);
  pool.clusterHigh = view.getUint32(at + wire.POOL_CLUSTER_HIGH, true);
  const blockBytes = view.getUint32(at + wire.POOL_BLOCK_BYTES, true);
  if (blockBytes !== pool.blockBytes) forgetPool(number);
  pool.blockBytes = blockBytes;
  pool.bytesPerToken = max(0.5, <f64>view.getUint32(at + wire.POOL_TOKEN_MILLIBYTES, true) / 1_000);
  pool.profileHeader = view.getUint32(at + wire.POOL_PROFILE_HEADER, true);
  pool.defaultProfile = view.getUint32(at + wire.POOL_DEFAULT_PROFILE, true);
  const profiles = view.getUint32(at + wire.POOL_PROFILES, true);
  const steps = view.getUint32(at + wire.POOL_STEPS, true);
  const program = at + wire.POOL_BYTES + profiles * wire.PROFILE_BYTES;
  pool.setProfiles(memoryAt + at + wire.POOL_BYTES, profiles, memoryAt + program, steps);
  const name = program + steps * STEP_BYTES;
  const nameBytes = view.getUint32(at + wire.POOL_NAME_BYTES, true);
  pool.setName(memoryAt + name, nameBytes);
  const headers = name + padded(nameBytes);
  pool.setHeaders(memoryAt + headers, view.getUint32(at + wire.POOL_HEADERS_BYTES, true));
}

/** Keys of blocks of another size are other keys: none of those known will come again. */
function forgetPool(number: u32): void {
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) {
    if (unchecked(table.poolOf[slot]) === number) forgetCache(slot);
  }
}

function takeEndpoint(view: DataView, at: u32, memoryAt: usize): void {
  const slot = view.getUint32(at + wire.ENDPOINT_SLOT, true);
  const pool = view.getUint32(at + wire.ENDPOINT_POOL, true);
  const bytes = view.getUint32(at + wire.ENDPOINT_ADDRESS_BYTES, true);
  const address = memoryAt + at + wire.ENDPOINT_BYTES;
  if (unchecked(isNamed[slot]) || !unchecked(table.pools[pool]).isUsed) return;
  unchecked((isNamed[slot] = true));
  if (!table.isAddressOf(slot, address, bytes)) {
    table.setAddress(slot, address, bytes);
    unchecked((table.tenancyOf[slot] = table.tenancyOf[slot] + 1));
    clearFlight(slot);
    forgetCache(slot);
    forgetColdUse(slot);
    forgetSent(slot);
    setValues(slot, 0, 0);
    unchecked((table.probedMs[slot] = 0));
    forgive(slot);
  }
  unchecked((table.poolOf[slot] = pool));
  noteSlot(slot);
  unchecked((table.labelsOf[slot] = view.getUint32(at + wire.ENDPOINT_LABELS, true)));
  unchecked((table.capacityOf[slot] = view.getUint32(at + wire.ENDPOINT_CAPACITY_BLOCKS, true)));
  unchecked(table.pools[pool]).addEndpoint(slot);
}

function takeLoad(view: DataView, at: u32, memoryAt: usize, nowMs: f64): void {
  const slot = view.getUint32(at + wire.LOAD_SLOT, true);
  const state = view.getUint32(at + wire.LOAD_STATE, true);
  if (noteState(slot, state, nowMs)) forgetCache(slot);
  unchecked((table.stateOf[slot] = state));
  unchecked((table.waitingOf[slot] = view.getUint32(at + wire.LOAD_WAITING, true)));
  unchecked((table.runningOf[slot] = view.getUint32(at + wire.LOAD_RUNNING, true)));
  unchecked((table.kvUseOf[slot] = view.getFloat32(at + wire.LOAD_KV_USE, true)));
  unchecked((table.otherRequestsOf[slot] = view.getUint32(at + wire.LOAD_OTHER_REQUESTS, true)));
  unchecked(
    (table.otherBacklogOf[slot] = view.getUint32(at + wire.LOAD_OTHER_BACKLOG_BYTES, true)),
  );
  unchecked(
    (table.otherResidentOf[slot] = view.getUint32(at + wire.LOAD_OTHER_RESIDENT_BYTES, true)),
  );
  unchecked(
    (table.otherUnansweredOf[slot] = view.getUint32(at + wire.LOAD_OTHER_UNANSWERED, true)),
  );
  takeMeasured(view, at, slot);
  const age = view.getUint32(at + wire.LOAD_PROBE_AGE_MS, true);
  if (age !== wire.AGE_UNKNOWN_MS) unchecked((table.probedMs[slot] = nowMs - <f64>age));
  if (state === wire.STATE_UP) noteProbe(slot, nowMs - <f64>age);
  const most = view.getUint32(at + wire.LOAD_ADAPTERS_MOST, true);
  const active = view.getUint32(at + wire.LOAD_ADAPTERS_ACTIVE, true);
  const waiting = view.getUint32(at + wire.LOAD_ADAPTERS_WAITING, true);
  const names = memoryAt + at + wire.LOAD_BYTES;
  setAdapters(slot, most, active, waiting, names);
  for (let i: u32 = 0; i < active + waiting; i++) {
    knowAdapter(load<u64>(names + ((<usize>i) << 3)));
  }
  const values = names + ((<usize>(active + waiting)) << 3);
  setValues(slot, view.getUint32(at + wire.LOAD_VALUES, true), values);
}

function takeMeasured(view: DataView, at: u32, slot: u32): void {
  const waiting = view.getUint32(at + wire.LOAD_FOREIGN_WAITING, true);
  const requests = view.getUint32(at + wire.LOAD_FOREIGN_REQUESTS, true);
  unchecked((table.foreignWaitingOf[slot] = waiting));
  unchecked((table.foreignRequestsOf[slot] = requests));
  unchecked((table.slownessOf[slot] = view.getFloat32(at + wire.LOAD_SLOWNESS, true)));
}

/** Takes a pick that another worker or another gateway made. */
export function takePick(view: DataView, at: u32, memoryAt: usize): void {
  const slot = view.getUint32(at + wire.PICK_SLOT, true);
  const flags = view.getUint32(at + wire.PICK_FLAGS, true);
  const count = view.getUint32(at + wire.PICK_KEYS, true);
  const keys = memoryAt + at + wire.PICK_BYTES;
  if (!table.isServing(slot)) return;
  const blocks = view.getUint32(at + wire.PICK_BLOCKS, true);
  if ((flags & wire.PICK_FLAG_REMOVE) !== 0) {
    removeKeys(slot, keys, count, blocks);
    return;
  }
  insertKeys(slot, keys, count, blocks);
  if ((flags & wire.PICK_FLAG_TOUCH) !== 0) return;
  if ((flags & wire.PICK_FLAG_COLD) !== 0) noteColdUse(slot);
  const pool = unchecked(table.pools[table.poolOf[slot]]);
  const uncached = <f64>view.getUint32(at + wire.PICK_UNCACHED_BYTES, true);
  pool.learn(max(uncached, <f64>blocks * <f64>pool.blockBytes), uncached);
  noteUncached(pool, slot, uncached);
}

export function takeEntries(view: DataView, at: u32, memoryAt: usize): void {
  const count = view.getUint32(at + wire.ENTRIES_COUNT, true);
  let entry = memoryAt + at + wire.ENTRIES_BYTES;
  for (let i: u32 = 0; i < count; i++) {
    const holder = load<u32>(entry, wire.ENTRY_HOLDER);
    const slot = holderSlot(holder);
    if (table.isServing(slot)) insertAged(slot, load<u64>(entry), holderAge(holder));
    entry += <usize>wire.ENTRY_BYTES;
  }
}
