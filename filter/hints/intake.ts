// Hints become the table in force. A frame is checked to its last field before the first is taken:
// what does not verify is refused whole and the table in force stays.
import {
  FLAG_WHOLE_TABLE,
  FRAME_HEADER_BYTES,
  FRAME_OK,
  FRAME_OVER_LIMIT,
  FRAME_RECORD,
  frameFlags,
  frameGeneration,
  padded,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKind,
  verifyFrame,
} from "../../protocol/frame.ts";
import {
  ADAPTERS_MAX,
  ADDRESS_BYTES_MAX,
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  HEADER_NAME_BYTES_MAX,
  HEADERS_MAX,
  POOL_ENDPOINTS_MAX,
  POOL_MODELS_MAX,
  POOL_STEPS_MAX,
  POOLS_MAX,
  PROFILE_STEPS_MAX,
  PROFILES_MAX,
  SLOTS_MAX,
  VALUES_MAX,
} from "../../protocol/limits.ts";
import { STEP_BYTES } from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";
import { setAdapters } from "./adapters.ts";
import { clearFlight } from "./flight.ts";
import { noteSlot } from "./gauges.ts";
import { noteProbe, noteState, noteSuccess } from "./health.ts";
import { position } from "./position.ts";
import { forgetSlot, insertAged, insertKeys, KEEP, removeKeys, reserve } from "./prefix-index.ts";
import * as table from "./table.ts";
import { setValues } from "./values.ts";

const endpointsOf = new StaticArray<u32>(<i32>POOLS_MAX);

/** Checks a whole frame; FRAME_OK or the reason of refusal. */
export function checkHints(view: DataView, start: u32, bytes: u32): u32 {
  const result = verifyFrame(view, start, bytes);
  if (result !== FRAME_OK) return result;
  endpointsOf.fill(0);
  const end = start + bytes;
  for (let at = start + FRAME_HEADER_BYTES; at < end; ) {
    const size = recordBytes(view, at);
    const reason = checkRecord(view, recordKind(view, at), at + RECORD_HEADER_BYTES, size);
    if (reason !== FRAME_OK) return reason;
    at += RECORD_HEADER_BYTES + size;
  }
  return FRAME_OK;
}

function checkRecord(view: DataView, kind: u32, at: u32, bytes: u32): u32 {
  if (kind === wire.SETTINGS) return bytes >= wire.SETTINGS_BYTES ? FRAME_OK : FRAME_RECORD;
  if (kind === wire.POSITION) return bytes >= wire.POSITION_BYTES ? FRAME_OK : FRAME_RECORD;
  if (kind === wire.POOL) return checkPool(view, at, bytes);
  if (kind === wire.ENDPOINT) return checkEndpoint(view, at, bytes);
  if (kind === wire.LOAD) return checkLoad(view, at, bytes);
  if (kind === wire.PICK) return checkList(view, at, bytes, wire.PICK_BYTES, wire.PICK_KEYS, 8);
  if (kind === wire.ENTRIES) {
    return checkList(view, at, bytes, wire.ENTRIES_BYTES, wire.ENTRIES_COUNT, wire.ENTRY_BYTES);
  }
  if (kind === wire.FLIGHT) return checkSlot(view, at, bytes, wire.FLIGHT_BYTES);
  if (kind === wire.FAILURE) return checkSlot(view, at, bytes, wire.FAILURE_BYTES);
  if (kind === wire.CONTACT) return bytes >= wire.CONTACT_BYTES ? FRAME_OK : FRAME_RECORD;
  return FRAME_OK;
}

function checkSlot(view: DataView, at: u32, bytes: u32, bytesMin: u32): u32 {
  if (bytes < bytesMin) return FRAME_RECORD;
  return view.getUint32(at, true) < SLOTS_MAX ? FRAME_OK : FRAME_OVER_LIMIT;
}

function checkList(view: DataView, at: u32, bytes: u32, fixed: u32, countAt: u32, each: u32): u32 {
  const reason = checkSlot(view, at, bytes, fixed);
  if (reason !== FRAME_OK) return reason;
  const count: u64 = view.getUint32(at + countAt, true);
  return count * <u64>each + <u64>fixed <= <u64>bytes ? FRAME_OK : FRAME_RECORD;
}

function checkPool(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.POOL_BYTES) return FRAME_RECORD;
  const profiles = view.getUint32(at + wire.POOL_PROFILES, true);
  const steps = view.getUint32(at + wire.POOL_STEPS, true);
  const models = view.getUint32(at + wire.POOL_MODELS, true);
  const name = view.getUint32(at + wire.POOL_NAME_BYTES, true);
  const block = view.getUint32(at + wire.POOL_BLOCK_BYTES, true);
  if (view.getUint32(at + wire.POOL_NUMBER, true) >= POOLS_MAX) return FRAME_OVER_LIMIT;
  if (profiles > PROFILES_MAX || steps > POOL_STEPS_MAX) return FRAME_OVER_LIMIT;
  if (models > POOL_MODELS_MAX) return FRAME_OVER_LIMIT;
  if (block < BLOCK_BYTES_MIN || block > BLOCK_BYTES_MAX || block % 64 !== 0)
    return FRAME_OVER_LIMIT;
  const headers = view.getUint32(at + wire.POOL_HEADERS_BYTES, true);
  if (name > bytes || headers > bytes) return FRAME_RECORD;
  const program = wire.POOL_BYTES + profiles * wire.PROFILE_BYTES;
  const namesAt = program + steps * STEP_BYTES + models * 8 + padded(name);
  if (namesAt + padded(headers) > bytes) return FRAME_RECORD;
  const reason = checkProfiles(view, at + wire.POOL_BYTES, profiles, steps);
  return reason === FRAME_OK ? checkHeaderNames(view, at + namesAt, headers) : reason;
}

/** Each profile has its share of the steps, and together they have all. */
function checkProfiles(view: DataView, at: u32, profiles: u32, steps: u32): u32 {
  let stepsLeft = steps;
  for (let profile: u32 = 0; profile < profiles; profile++) {
    const own = view.getUint32(at + profile * wire.PROFILE_BYTES + wire.PROFILE_STEPS, true);
    if (own > PROFILE_STEPS_MAX) return FRAME_OVER_LIMIT;
    if (own > stepsLeft) return FRAME_RECORD;
    stepsLeft -= own;
  }
  return stepsLeft === 0 ? FRAME_OK : FRAME_RECORD;
}

/** Names that are not empty, with a zero behind each. */
function checkHeaderNames(view: DataView, at: u32, bytes: u32): u32 {
  let names: u32 = 0;
  let length: u32 = 0;
  for (let i: u32 = 0; i < bytes; i++) {
    if (view.getUint8(at + i) !== 0) {
      length++;
      continue;
    }
    if (length === 0) return FRAME_RECORD;
    if (length > HEADER_NAME_BYTES_MAX) return FRAME_OVER_LIMIT;
    names++;
    length = 0;
  }
  if (length > 0) return FRAME_RECORD;
  return names > HEADERS_MAX ? FRAME_OVER_LIMIT : FRAME_OK;
}

function checkEndpoint(view: DataView, at: u32, bytes: u32): u32 {
  const reason = checkSlot(view, at, bytes, wire.ENDPOINT_BYTES);
  if (reason !== FRAME_OK) return reason;
  const pool = view.getUint32(at + wire.ENDPOINT_POOL, true);
  if (pool >= POOLS_MAX) return FRAME_OVER_LIMIT;
  unchecked((endpointsOf[pool] = endpointsOf[pool] + 1));
  if (unchecked(endpointsOf[pool]) > POOL_ENDPOINTS_MAX) return FRAME_OVER_LIMIT;
  const address = view.getUint32(at + wire.ENDPOINT_ADDRESS_BYTES, true);
  if (address === 0 || address > ADDRESS_BYTES_MAX) return FRAME_OVER_LIMIT;
  if (wire.ENDPOINT_BYTES + padded(address) > bytes) return FRAME_RECORD;
  for (let i: u32 = 0; i < address; i++) {
    if (!isOfAddress(view.getUint8(at + wire.ENDPOINT_BYTES + i))) return FRAME_RECORD;
  }
  return FRAME_OK;
}

/** Digits, letters and `. : [ ] %`: an address stands in headers, in lists and in JSON. */
function isOfAddress(byte: u8): bool {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true;
  if (byte >= 0x30 && byte <= 0x3a) return true;
  return byte === 0x2e || byte === 0x5b || byte === 0x5d || byte === 0x25;
}

function checkLoad(view: DataView, at: u32, bytes: u32): u32 {
  const reason = checkSlot(view, at, bytes, wire.LOAD_BYTES);
  if (reason !== FRAME_OK) return reason;
  const active = view.getUint32(at + wire.LOAD_ADAPTERS_ACTIVE, true);
  const waiting = view.getUint32(at + wire.LOAD_ADAPTERS_WAITING, true);
  if (active > ADAPTERS_MAX || waiting > ADAPTERS_MAX) return FRAME_OVER_LIMIT;
  const values = view.getUint32(at + wire.LOAD_VALUES, true);
  if (active + waiting > ADAPTERS_MAX || values > VALUES_MAX) return FRAME_OVER_LIMIT;
  const needed = wire.LOAD_BYTES + (active + waiting) * 8 + values * 4;
  return needed <= bytes ? FRAME_OK : FRAME_RECORD;
}

// ---- taking -------------------------------------------------------------------------------------

const isNamed = new StaticArray<bool>(<i32>SLOTS_MAX);

/**
 * Takes a checked frame of hints. `memoryAt` is where the view's byte 0 stands. What another
 * generation says of its slots is skipped, and so are parts of a table that is not whole.
 */
export function takeHints(view: DataView, memoryAt: usize, bytes: u32, nowMs: f64): void {
  const isWhole = (frameFlags(view, 0) & FLAG_WHOLE_TABLE) !== 0;
  const isOurs = isWhole || frameGeneration(view, 0) === table.generation;
  if (isWhole) beginTable(frameGeneration(view, 0));
  for (let at = FRAME_HEADER_BYTES; at < bytes; ) {
    const size = recordBytes(view, at);
    const kind = recordKind(view, at);
    if (isWhole) takeTablePart(view, kind, at + RECORD_HEADER_BYTES, memoryAt);
    if (isOurs) takeRecord(view, kind, at + RECORD_HEADER_BYTES, memoryAt, nowMs);
    at += RECORD_HEADER_BYTES + size;
  }
  if (isWhole) endTable();
}

function takeTablePart(view: DataView, kind: u32, at: u32, memoryAt: usize): void {
  if (kind === wire.SETTINGS) takeSettings(view, at);
  else if (kind === wire.POOL) takePool(view, at, memoryAt);
  else if (kind === wire.ENDPOINT) takeEndpoint(view, at, memoryAt);
}

function takeRecord(view: DataView, kind: u32, at: u32, memoryAt: usize, nowMs: f64): void {
  if (kind === wire.LOAD) takeLoad(view, at, memoryAt, nowMs);
  else if (kind === wire.PICK) takePick(view, at, memoryAt);
  else if (kind === wire.ENTRIES) takeEntries(view, at, memoryAt);
  else if (kind === wire.POSITION) position.take(view, at);
}

function beginTable(generation: u32): void {
  isNamed.fill(false);
  table.adoptGeneration(generation);
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
    forgetSlot(slot);
  }
  table.countPools();
  reserve(min(rememberedKeysMax(), table.settings.indexKeysMax));
}

/** Keys that all endpoints together are remembered to have held. */
function rememberedKeysMax(): u32 {
  let blocks: f64 = 0;
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) {
    if (table.isServing(slot)) blocks += <f64>unchecked(table.capacityOf[slot]);
  }
  return <u32>min(blocks * <f64>KEEP, 4_000_000_000);
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
  settings.indexKeysMax = min(view.getUint32(at + wire.SETTINGS_INDEX_KEYS, true), 1_000_000);
  settings.fallbacks = view.getUint32(at + wire.SETTINGS_FALLBACKS, true);
}

function takePool(view: DataView, at: u32, memoryAt: usize): void {
  const pool = unchecked(table.pools[view.getUint32(at + wire.POOL_NUMBER, true)]);
  pool.isUsed = true;
  pool.clusterLow = view.getUint32(at + wire.POOL_CLUSTER_LOW, true);
  pool.clusterHigh = view.getUint32(at + wire.POOL_CLUSTER_HIGH, true);
  pool.blockBytes = view.getUint32(at + wire.POOL_BLOCK_BYTES, true);
  pool.bytesPerToken = max(0.5, <f64>view.getUint32(at + wire.POOL_TOKEN_MILLIBYTES, true) / 1_000);
  pool.profileHeader = view.getUint32(at + wire.POOL_PROFILE_HEADER, true);
  pool.defaultProfile = view.getUint32(at + wire.POOL_DEFAULT_PROFILE, true);
  const profiles = view.getUint32(at + wire.POOL_PROFILES, true);
  const steps = view.getUint32(at + wire.POOL_STEPS, true);
  const models = view.getUint32(at + wire.POOL_MODELS, true);
  const program = at + wire.POOL_BYTES + profiles * wire.PROFILE_BYTES;
  pool.setProfiles(memoryAt + at + wire.POOL_BYTES, profiles, memoryAt + program, steps);
  const name = program + steps * STEP_BYTES + models * 8;
  const nameBytes = view.getUint32(at + wire.POOL_NAME_BYTES, true);
  pool.setName(memoryAt + name, nameBytes);
  const headers = name + padded(nameBytes);
  pool.setHeaders(memoryAt + headers, view.getUint32(at + wire.POOL_HEADERS_BYTES, true));
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
    forgetSlot(slot);
    setValues(slot, 0, 0);
    unchecked((table.probedMs[slot] = 0));
    noteSuccess(slot);
  }
  unchecked((table.poolOf[slot] = pool));
  noteSlot(slot);
  unchecked((table.labelsOf[slot] = view.getUint32(at + wire.ENDPOINT_LABELS, true)));
  unchecked(
    (table.capacityOf[slot] = min(
      view.getUint32(at + wire.ENDPOINT_CAPACITY_BLOCKS, true),
      16_000_000,
    )),
  );
  unchecked(table.pools[pool]).addEndpoint(slot);
}

function takeLoad(view: DataView, at: u32, memoryAt: usize, nowMs: f64): void {
  const slot = view.getUint32(at + wire.LOAD_SLOT, true);
  const state = view.getUint32(at + wire.LOAD_STATE, true);
  if (noteState(slot, state, nowMs)) forgetSlot(slot);
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
  const age = view.getUint32(at + wire.LOAD_PROBE_AGE_MS, true);
  if (age !== wire.AGE_UNKNOWN_MS) unchecked((table.probedMs[slot] = nowMs - <f64>age));
  if (state === wire.STATE_UP) noteProbe(slot, nowMs - <f64>age);
  const most = view.getUint32(at + wire.LOAD_ADAPTERS_MOST, true);
  const active = view.getUint32(at + wire.LOAD_ADAPTERS_ACTIVE, true);
  const waiting = view.getUint32(at + wire.LOAD_ADAPTERS_WAITING, true);
  const names = memoryAt + at + wire.LOAD_BYTES;
  setAdapters(slot, most, active, waiting, names);
  const values = names + ((<usize>(active + waiting)) << 3);
  setValues(slot, view.getUint32(at + wire.LOAD_VALUES, true), values);
}

/** Takes a pick that another worker or another gateway made. */
export function takePick(view: DataView, at: u32, memoryAt: usize): void {
  const slot = view.getUint32(at + wire.PICK_SLOT, true);
  const flags = view.getUint32(at + wire.PICK_FLAGS, true);
  const count = view.getUint32(at + wire.PICK_KEYS, true);
  const keys = memoryAt + at + wire.PICK_BYTES;
  if (!table.isServing(slot)) return;
  if ((flags & wire.PICK_FLAG_REMOVE) !== 0) {
    removeKeys(slot, keys, count);
    return;
  }
  insertKeys(slot, keys, count);
  if ((flags & wire.PICK_FLAG_TOUCH) !== 0) return;
  const pool = unchecked(table.pools[table.poolOf[slot]]);
  pool.learnUncached(<f64>view.getUint32(at + wire.PICK_UNCACHED_BYTES, true));
}

export function takeEntries(view: DataView, at: u32, memoryAt: usize): void {
  const slot = view.getUint32(at + wire.ENTRIES_SLOT, true);
  if (!table.isServing(slot)) return;
  const count = view.getUint32(at + wire.ENTRIES_COUNT, true);
  let entry = memoryAt + at + wire.ENTRIES_BYTES;
  for (let i: u32 = 0; i < count; i++) {
    insertAged(slot, load<u64>(entry), min(load<u32>(entry, 8), 100_000_000));
    entry += <usize>wire.ENTRY_BYTES;
  }
}
