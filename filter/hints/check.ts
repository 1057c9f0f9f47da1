// Whether a frame of hints, or a message of another machine, may be taken: it is checked to its last
// field before the first is taken, and refused whole where anything is wrong or over a limit.

import * as encoding from "../../protocol/encoding-records.ts";
import {
  FRAME_HEADER_BYTES,
  FRAME_OK,
  FRAME_OVER_LIMIT,
  FRAME_RECORD,
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
  CAPACITY_BLOCKS_MAX,
  ENGINE_ID_BYTES_MAX,
  HEADER_NAME_BYTES_MAX,
  HEADERS_MAX,
  INDEX_KEYS_MAX,
  LEG_TIMEOUT_MS_MAX,
  LEG_TRIES_MAX,
  MODELS_MAX,
  MODELS_TEXT_BYTES_MAX,
  OBJECTIVES_MAX,
  POOL_ENDPOINTS_MAX,
  POOL_STEPS_MAX,
  POOLS_MAX,
  PROFILE_STEPS_MAX,
  PROFILES_MAX,
  RULES_MAX,
  SLOTS_MAX,
  SLOWNESS_MAX,
  VALUES_MAX,
  WEIGHT_MAX,
} from "../../protocol/limits.ts";
import {
  STEP_BYTES,
  STEP_OPERATION,
  STEP_PARAMETERS,
  STEP_WEIGHT,
  wholeParameters,
} from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";
import { checkRewrites } from "./check-rewrites.ts";

const endpointsOf = new StaticArray<u32>(<i32>POOLS_MAX);
/** Of all pools, in the frame that is being checked. */
let objectives: u32 = 0;

/** Checks a whole frame; FRAME_OK or the reason of refusal. */
export function checkHints(view: DataView, start: u32, bytes: u32): u32 {
  const result = verifyFrame(view, start, bytes);
  if (result !== FRAME_OK) return result;
  endpointsOf.fill(0);
  objectives = 0;
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
  if (kind === wire.SETTINGS) return checkSettings(view, at, bytes);
  if (kind === wire.POSITION) return bytes >= wire.POSITION_BYTES ? FRAME_OK : FRAME_RECORD;
  if (kind === wire.POOL) return checkPool(view, at, bytes);
  if (kind === wire.ENDPOINT) return checkEndpoint(view, at, bytes);
  if (kind === wire.MODELS) return checkModels(view, at, bytes);
  if (kind === wire.REWRITES) return checkRewrites(view, at, bytes);
  if (kind === wire.ADMISSION) return checkAdmission(view, at, bytes);
  if (kind === wire.LOAD) return checkLoad(view, at, bytes);
  if (kind === wire.PICK) return checkPick(view, at, bytes);
  if (kind === wire.ENTRIES) {
    return checkCount(view, at, bytes, wire.ENTRIES_BYTES, wire.ENTRIES_COUNT, wire.ENTRY_BYTES);
  }
  if (kind === wire.FLIGHT) return checkSlot(view, at, bytes, wire.FLIGHT_BYTES);
  if (kind === wire.FAILURE) return checkSlot(view, at, bytes, wire.FAILURE_BYTES);
  if (kind === wire.DONE) return checkEnd(view, at, bytes);
  if (kind === wire.CONTACT) return bytes >= wire.CONTACT_BYTES ? FRAME_OK : FRAME_RECORD;
  return checkOther(view, kind, at, bytes);
}

function checkSlot(view: DataView, at: u32, bytes: u32, bytesMin: u32): u32 {
  if (bytes < bytesMin) return FRAME_RECORD;
  return view.getUint32(at, true) < SLOTS_MAX ? FRAME_OK : FRAME_OVER_LIMIT;
}

function checkEnd(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.DONE_BYTES) return FRAME_RECORD;
  const slot = view.getUint32(at, true);
  return slot < SLOTS_MAX || slot === wire.NO_SLOT ? FRAME_OK : FRAME_OVER_LIMIT;
}

function checkPick(view: DataView, at: u32, bytes: u32): u32 {
  const reason = checkSlot(view, at, bytes, wire.PICK_BYTES);
  if (reason !== FRAME_OK) return reason;
  return checkCount(view, at, bytes, wire.PICK_BYTES, wire.PICK_KEYS, 8);
}

/** Whether a record of `fixed` bytes and a list is as long as its list's count says. */
function checkCount(view: DataView, at: u32, bytes: u32, fixed: u32, countAt: u32, each: u32): u32 {
  if (bytes < fixed) return FRAME_RECORD;
  const count: u64 = view.getUint32(at + countAt, true);
  return count * <u64>each + <u64>fixed <= <u64>bytes ? FRAME_OK : FRAME_RECORD;
}

function checkSettings(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.SETTINGS_BYTES) return FRAME_RECORD;
  const keys = view.getUint32(at + wire.SETTINGS_INDEX_KEYS, true);
  return keys <= INDEX_KEYS_MAX ? FRAME_OK : FRAME_OVER_LIMIT;
}

function checkPool(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.POOL_BYTES) return FRAME_RECORD;
  const profiles = view.getUint32(at + wire.POOL_PROFILES, true);
  const steps = view.getUint32(at + wire.POOL_STEPS, true);
  const name = view.getUint32(at + wire.POOL_NAME_BYTES, true);
  const block = view.getUint32(at + wire.POOL_BLOCK_BYTES, true);
  if (view.getUint32(at + wire.POOL_NUMBER, true) >= POOLS_MAX) return FRAME_OVER_LIMIT;
  if (profiles > PROFILES_MAX || steps > POOL_STEPS_MAX) return FRAME_OVER_LIMIT;
  if (block < BLOCK_BYTES_MIN || block > BLOCK_BYTES_MAX || block % 64 !== 0)
    return FRAME_OVER_LIMIT;
  const headers = view.getUint32(at + wire.POOL_HEADERS_BYTES, true);
  if (name > bytes || headers > bytes) return FRAME_RECORD;
  const program = wire.POOL_BYTES + profiles * wire.PROFILE_BYTES;
  const namesAt = program + steps * STEP_BYTES + padded(name);
  if (namesAt + padded(headers) > bytes) return FRAME_RECORD;
  for (let step: u32 = 0; step < steps; step++) {
    if (!isSoundStep(view, at + program + step * STEP_BYTES)) return FRAME_OVER_LIMIT;
  }
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

function checkModels(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.MODELS_BYTES) return FRAME_RECORD;
  const count = view.getUint32(at + wire.MODELS_COUNT, true);
  const text = view.getUint32(at + wire.MODELS_TEXT_BYTES, true);
  if (count > MODELS_MAX || text > MODELS_TEXT_BYTES_MAX) return FRAME_OVER_LIMIT;
  if (wire.MODELS_BYTES + count * wire.MODEL_BYTES + text > bytes) return FRAME_RECORD;
  for (let i: u32 = 0; i < count; i++) {
    const pool = at + wire.MODELS_BYTES + i * wire.MODEL_BYTES + wire.MODEL_POOL;
    if (view.getUint32(pool, true) >= POOLS_MAX) return FRAME_OVER_LIMIT;
  }
  return FRAME_OK;
}

function checkAdmission(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.ADMISSION_BYTES) return FRAME_RECORD;
  const rules = view.getUint32(at + wire.ADMISSION_RULES, true);
  const count = view.getUint32(at + wire.ADMISSION_OBJECTIVES, true);
  if (view.getUint32(at + wire.ADMISSION_POOL, true) >= POOLS_MAX) return FRAME_OVER_LIMIT;
  if (rules > RULES_MAX || count > OBJECTIVES_MAX) return FRAME_OVER_LIMIT;
  objectives += count;
  if (objectives > OBJECTIVES_MAX) return FRAME_OVER_LIMIT;
  const fixed = wire.ADMISSION_BYTES + rules * STEP_BYTES;
  if (fixed + count * wire.OBJECTIVE_BYTES > bytes) return FRAME_RECORD;
  for (let rule: u32 = 0; rule < rules; rule++) {
    const step = at + wire.ADMISSION_BYTES + rule * STEP_BYTES;
    if (!isSoundStep(view, step)) return FRAME_OVER_LIMIT;
  }
  return FRAME_OK;
}

/** What only pools that disaggregate have; any other kind is skipped. */
function checkOther(view: DataView, kind: u32, at: u32, bytes: u32): u32 {
  if (kind === wire.DISAGGREGATION) return checkDisaggregation(view, at, bytes);
  if (kind === wire.ROLE) return checkRole(view, at, bytes);
  if (kind === wire.LEG) return checkSlot(view, at, bytes, wire.LEG_BYTES);
  if (kind === encoding.ENCODING) return checkEncoding(view, at, bytes);
  return FRAME_OK;
}

function checkEncoding(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < encoding.ENCODING_BYTES) return FRAME_RECORD;
  if (view.getUint32(at + encoding.ENCODING_POOL, true) >= POOLS_MAX) return FRAME_OVER_LIMIT;
  if (view.getUint32(at + encoding.ENCODING_PROFILE, true) >= PROFILES_MAX) return FRAME_OVER_LIMIT;
  return checkParameters(view, at + encoding.ENCODING_PARAMETERS);
}

/** Of a decider. */
function checkParameters(view: DataView, at: u32): u32 {
  for (let place: u32 = 0; place < 8; place += 4) {
    if (!isWithin(view.getFloat32(at + place, true), f32.MAX_VALUE)) return FRAME_OVER_LIMIT;
  }
  return FRAME_OK;
}

function checkRole(view: DataView, at: u32, bytes: u32): u32 {
  const reason = checkSlot(view, at, bytes, wire.ROLE_BYTES);
  if (reason !== FRAME_OK) return reason;
  const engine = view.getUint32(at + wire.ROLE_ENGINE_BYTES, true);
  if (engine > ENGINE_ID_BYTES_MAX) return FRAME_OVER_LIMIT;
  if (wire.ROLE_BYTES + padded(engine) > bytes) return FRAME_RECORD;
  for (let i: u32 = 0; i < engine; i++) {
    if (!isPlain(view.getUint8(at + wire.ROLE_BYTES + i))) return FRAME_RECORD;
  }
  return FRAME_OK;
}

/** Stands between quotes of JSON as it is: printable ASCII, no quote and no backslash. */
function isPlain(byte: u8): bool {
  return byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
}

function checkDisaggregation(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.DISAGGREGATION_BYTES) return FRAME_RECORD;
  if (view.getUint32(at + wire.DISAGGREGATION_POOL, true) >= POOLS_MAX) return FRAME_OVER_LIMIT;
  for (
    let place = wire.DISAGGREGATION_DECODE;
    place <= wire.DISAGGREGATION_TRANSFERRED;
    place += 4
  ) {
    if (view.getUint32(at + place, true) >= PROFILES_MAX) return FRAME_OVER_LIMIT;
  }
  const timeoutMs = view.getUint32(at + wire.DISAGGREGATION_TIMEOUT_MS, true);
  const tries = view.getUint32(at + wire.DISAGGREGATION_TRIES, true);
  if (timeoutMs > LEG_TIMEOUT_MS_MAX || tries > LEG_TRIES_MAX) return FRAME_OVER_LIMIT;
  return checkParameters(view, at + wire.DISAGGREGATION_PARAMETERS);
}

function isSoundStep(view: DataView, at: u32): bool {
  if (!isWithin(view.getFloat32(at + STEP_WEIGHT, true), WEIGHT_MAX)) return false;
  const whole = wholeParameters(view.getUint32(at + STEP_OPERATION, true));
  for (let place = STEP_PARAMETERS + whole * 4; place < STEP_BYTES; place += 4) {
    if (!isWithin(view.getFloat32(at + place, true), f32.MAX_VALUE)) return false;
  }
  return true;
}

/** A number of at most `most`, whatever its sign; what is none is not within. */
function isWithin(value: f32, most: f32): bool {
  return value >= -most && value <= most;
}

function checkEndpoint(view: DataView, at: u32, bytes: u32): u32 {
  const reason = checkSlot(view, at, bytes, wire.ENDPOINT_BYTES);
  if (reason !== FRAME_OK) return reason;
  const pool = view.getUint32(at + wire.ENDPOINT_POOL, true);
  if (pool >= POOLS_MAX) return FRAME_OVER_LIMIT;
  unchecked((endpointsOf[pool] = endpointsOf[pool] + 1));
  if (unchecked(endpointsOf[pool]) > POOL_ENDPOINTS_MAX) return FRAME_OVER_LIMIT;
  const capacity = view.getUint32(at + wire.ENDPOINT_CAPACITY_BLOCKS, true);
  if (capacity > CAPACITY_BLOCKS_MAX) return FRAME_OVER_LIMIT;
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
  if (!isWithin(view.getFloat32(at + wire.LOAD_KV_USE, true), 1)) return FRAME_OVER_LIMIT;
  const slowness = view.getFloat32(at + wire.LOAD_SLOWNESS, true);
  if (!(slowness > 0 && slowness <= SLOWNESS_MAX)) return FRAME_OVER_LIMIT;
  const values = view.getUint32(at + wire.LOAD_VALUES, true);
  if (active + waiting > ADAPTERS_MAX || values > VALUES_MAX) return FRAME_OVER_LIMIT;
  const needed = wire.LOAD_BYTES + (active + waiting) * 8 + values * 4;
  return needed <= bytes ? FRAME_OK : FRAME_RECORD;
}
