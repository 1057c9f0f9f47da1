// How pools disaggregate prefill from decode, and the parts of their endpoints, as the table in force
// tells. A pool that does not has no record, and costs its requests nothing.

import * as encoding from "../../protocol/encoding-records.ts";
import { ENGINE_ID_BYTES_MAX, POOLS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { isUp } from "./health.ts";
import { Pool } from "./pool.ts";

export class Disaggregation {
  /** Endpoints are told apart by their roles. */
  hasRoles: bool = false;
  decider: u32 = wire.DECIDE_NEVER;
  firstParameter: f64 = 0;
  secondParameter: f64 = 0;
  decodeProfile: i32 = 0;
  prefillProfile: i32 = 0;
  transferredProfile: i32 = 0;
  connector: u32 = wire.CONNECTOR_NIXL;
  failure: u32 = wire.FAILURE_DECODE_ALONE;
  timeoutMs: u32 = 0;
  tries: i32 = 1;
  /** Whether media are encoded elsewhere, and how. */
  encodeDecider: u32 = wire.DECIDE_NEVER;
  encodeFirstParameter: f64 = 0;
  encodeSecondParameter: f64 = 0;
  encodeProfile: i32 = 0;
  encodings: u32 = encoding.ENCODINGS_NIXL;
}

const known = new StaticArray<Disaggregation>(<i32>POOLS_MAX);
for (let pool = 0; pool < <i32>POOLS_MAX; pool++) known[pool] = new Disaggregation();
const isUsed = new StaticArray<bool>(<i32>POOLS_MAX);

const rolesOf = new StaticArray<u8>(<i32>SLOTS_MAX);
const connectors = new StaticArray<u8>(<i32>SLOTS_MAX);
const groups = new StaticArray<u64>(<i32>SLOTS_MAX);
const tensorParallel = new StaticArray<u32>(<i32>SLOTS_MAX);
const ports = new StaticArray<u32>(<i32>SLOTS_MAX);
const ranks = new StaticArray<u32>(<i32>SLOTS_MAX);
const engineBytes = new StaticArray<u8>(<i32>SLOTS_MAX);
/** Of all slots, once one has a name that decode has to say. */
let engines: usize = 0;

/** Null for a pool that does not disaggregate. */
export function disaggregationOf(pool: u32): Disaggregation | null {
  return pool < POOLS_MAX && unchecked(isUsed[pool]) ? unchecked(known[pool]) : null;
}

/** A whole table begins: what it does not tell is not so. */
export function forgetDisaggregation(): void {
  isUsed.fill(false);
  rolesOf.fill(<u8>wire.ROLE_DECODE);
  connectors.fill(<u8>wire.CONNECTOR_OF_POOL);
  groups.fill(0);
  tensorParallel.fill(0);
  ports.fill(0);
  ranks.fill(0);
  engineBytes.fill(0);
}

export function takeDisaggregation(view: DataView, at: u32): void {
  const pool = view.getUint32(at + wire.DISAGGREGATION_POOL, true);
  const one = unchecked(known[pool]);
  unchecked((isUsed[pool] = true));
  const flags = view.getUint32(at + wire.DISAGGREGATION_FLAGS, true);
  one.hasRoles = (flags & wire.DISAGGREGATION_FLAG_ROLES) !== 0;
  one.decider = view.getUint32(at + wire.DISAGGREGATION_DECIDER, true);
  one.firstParameter = <f64>view.getFloat32(at + wire.DISAGGREGATION_PARAMETERS, true);
  one.secondParameter = <f64>view.getFloat32(at + wire.DISAGGREGATION_PARAMETERS + 4, true);
  one.decodeProfile = <i32>view.getUint32(at + wire.DISAGGREGATION_DECODE, true);
  one.prefillProfile = <i32>view.getUint32(at + wire.DISAGGREGATION_PREFILL, true);
  one.transferredProfile = <i32>view.getUint32(at + wire.DISAGGREGATION_TRANSFERRED, true);
  one.connector = view.getUint32(at + wire.DISAGGREGATION_CONNECTOR, true);
  one.failure = view.getUint32(at + wire.DISAGGREGATION_FAILURE, true);
  one.timeoutMs = view.getUint32(at + wire.DISAGGREGATION_TIMEOUT_MS, true);
  one.tries = <i32>view.getUint32(at + wire.DISAGGREGATION_TRIES, true);
  one.encodeDecider = wire.DECIDE_NEVER;
}

export function takeEncoding(view: DataView, at: u32): void {
  const one = unchecked(known[view.getUint32(at + encoding.ENCODING_POOL, true)]);
  one.encodeDecider = view.getUint32(at + encoding.ENCODING_DECIDER, true);
  one.encodeFirstParameter = <f64>view.getFloat32(at + encoding.ENCODING_PARAMETERS, true);
  one.encodeSecondParameter = <f64>view.getFloat32(at + encoding.ENCODING_PARAMETERS + 4, true);
  one.encodeProfile = <i32>view.getUint32(at + encoding.ENCODING_PROFILE, true);
  one.encodings = view.getUint32(at + encoding.ENCODING_CONNECTOR, true);
}

/** `memoryAt` is where the view's byte 0 stands. */
export function takeRole(view: DataView, at: u32, memoryAt: usize): void {
  const slot = view.getUint32(at + wire.ROLE_SLOT, true);
  unchecked((rolesOf[slot] = <u8>view.getUint32(at + wire.ROLE_ROLES, true)));
  unchecked((connectors[slot] = <u8>view.getUint32(at + wire.ROLE_CONNECTOR, true)));
  const low = view.getUint32(at + wire.ROLE_GROUP_LOW, true);
  const high = view.getUint32(at + wire.ROLE_GROUP_HIGH, true);
  unchecked((groups[slot] = <u64>low | ((<u64>high) << 32)));
  unchecked((tensorParallel[slot] = view.getUint32(at + wire.ROLE_TENSOR_PARALLEL, true)));
  unchecked((ports[slot] = view.getUint32(at + wire.ROLE_PORT, true)));
  unchecked((ranks[slot] = view.getUint32(at + wire.ROLE_RANK, true)));
  const bytes = view.getUint32(at + wire.ROLE_ENGINE_BYTES, true);
  unchecked((engineBytes[slot] = <u8>bytes));
  if (bytes === 0) return;
  if (engines === 0) engines = heap.alloc(SLOTS_MAX * ENGINE_ID_BYTES_MAX);
  memory.copy(engineAt(slot), memoryAt + at + wire.ROLE_BYTES, bytes);
}

export function hasRole(slot: u32, role: u32): bool {
  return (<u32>unchecked(rolesOf[slot]) & role) !== 0;
}

/** Whether decode on one endpoint can take what prefill on another one computed; none takes its own. */
export function arePartners(prefill: u32, decode: u32): bool {
  if (prefill === decode) return false;
  const group = unchecked(groups[prefill]);
  const other = unchecked(groups[decode]);
  if (group !== other && group !== 0 && other !== 0) return false;
  const size = unchecked(tensorParallel[decode]);
  return size === 0 || unchecked(tensorParallel[prefill]) <= size;
}

/** Whether any decode endpoint of the pool could take over from this one. */
export function hasPartner(pool: Pool, prefill: u32): bool {
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = <u32>unchecked(pool.slots[i]);
    if (hasRole(slot, wire.ROLE_DECODE) && isUp(slot) && arePartners(prefill, slot)) return true;
  }
  return false;
}

/** The port at which decode meets this prefill endpoint. */
export function meetingPortOf(slot: u32): u32 {
  return unchecked(ports[slot]);
}

export function rankOf(slot: u32): u32 {
  return unchecked(ranks[slot]);
}

/** The name of the endpoint's engine; no bytes where it is not known. */
export function engineAt(slot: u32): usize {
  return engines + <usize>(slot * ENGINE_ID_BYTES_MAX);
}

export function engineBytesOf(slot: u32): u32 {
  return <u32>unchecked(engineBytes[slot]);
}

export function connectorOf(one: Disaggregation, slot: u32): u32 {
  const own = <u32>unchecked(connectors[slot]);
  return own === wire.CONNECTOR_OF_POOL ? one.connector : own;
}
