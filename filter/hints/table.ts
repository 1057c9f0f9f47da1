// The table in force: pools, endpoints and loads as the last accepted hints told them. One slot
// number stands for one endpoint everywhere; its columns are arrays over all slots.
import {
  ADDRESS_BYTES_MAX,
  FALLBACKS_STANDARD,
  POOL_ENDPOINTS_MAX,
  POOLS_MAX,
  SLOTS_MAX,
} from "../../protocol/limits.ts";
import { STAGE_BLIND, STAGE_FRESH, STAGE_STALE, STATE_DOWN } from "../../protocol/records.ts";
import { Pool } from "./pool.ts";

/** Pools by their number; `isUsed` says which exist. */
export const pools = new StaticArray<Pool>(<i32>POOLS_MAX);
for (let pool = 0; pool < <i32>POOLS_MAX; pool++) pools[pool] = new Pool(<i32>POOL_ENDPOINTS_MAX);

export const NO_POOL: u32 = 0xffffffff;

// ---- settings -----------------------------------------------------------------------------------

class Settings {
  staleMs: f64 = 5_000;
  blindMs: f64 = 30_000;
  bodyBytesMax: u32 = 32 * 1024 * 1024;
  heldBytesMax: u32 = 256 * 1024 * 1024;
  walkBytesMax: u32 = 4 * 1024 * 1024;
  reportMs: f64 = 50;
  flags: u32 = 0;
  indexKeysMax: u32 = 1_000_000;
  fallbacks: u32 = FALLBACKS_STANDARD;
}

export const settings = new Settings();

/** What the control plane numbered this table with; 0 while there is none. */
export let generation: u32 = 0;
/** Hints came from the disk of a gateway that has not reached a control plane yet. */
export let isCold: bool = false;
export let poolCount: u32 = 0;
/** Of these, pools that do not stand aside. */
export let stayingPoolCount: u32 = 0;

export function adoptGeneration(value: u32): void {
  generation = value;
}

export function setCold(value: bool): void {
  isCold = value;
}

export function countPools(): void {
  poolCount = 0;
  stayingPoolCount = 0;
  for (let number = 0; number < <i32>POOLS_MAX; number++) {
    const pool = unchecked(pools[number]);
    if (!pool.isUsed) continue;
    poolCount++;
    if (!pool.isAside) stayingPoolCount++;
  }
}

/** The pool whose cluster has this name, or NO_POOL. */
export function poolOfCluster(low: u32, high: u32): u32 {
  for (let pool: u32 = 0; pool < POOLS_MAX; pool++) {
    const candidate = unchecked(pools[pool]);
    if (!candidate.isUsed) continue;
    if (candidate.clusterLow === low && candidate.clusterHigh === high) return pool;
  }
  return NO_POOL;
}

/** The only pool, or the first of several; one that stands aside only where there is no other. */
export function firstPool(): u32 {
  let aside = NO_POOL;
  for (let number: u32 = 0; number < POOLS_MAX; number++) {
    const pool = unchecked(pools[number]);
    if (!pool.isUsed) continue;
    if (!pool.isAside) return number;
    if (aside === NO_POOL) aside = number;
  }
  return aside;
}

// ---- endpoints ----------------------------------------------------------------------------------

const SLOTS: i32 = <i32>SLOTS_MAX;
export const poolOf = new StaticArray<u32>(SLOTS).fill(NO_POOL);
export const labelsOf = new StaticArray<u32>(SLOTS);
export const stateOf = new StaticArray<u32>(SLOTS).fill(STATE_DOWN);
/** Blocks the endpoint's KV cache holds. */
export const capacityOf = new StaticArray<u32>(SLOTS);
/** Rises when a slot gets another endpoint, so that what belongs to the old one is recognised. */
export const tenancyOf = new StaticArray<u32>(SLOTS);
const addressBytesOf = new StaticArray<u32>(SLOTS);
const addresses: usize = heap.alloc(<usize>SLOTS_MAX * <usize>ADDRESS_BYTES_MAX);

export function addressAt(slot: u32): usize {
  return addresses + <usize>slot * <usize>ADDRESS_BYTES_MAX;
}

export function addressBytes(slot: u32): u32 {
  return unchecked(addressBytesOf[slot]);
}

export function isAddressOf(slot: u32, at: usize, bytes: u32): bool {
  return bytes === addressBytes(slot) && memory.compare(addressAt(slot), at, bytes) === 0;
}

export function setAddress(slot: u32, at: usize, bytes: u32): void {
  memory.copy(addressAt(slot), at, bytes);
  unchecked((addressBytesOf[slot] = bytes));
}

export function isServing(slot: u32): bool {
  return unchecked(poolOf[slot]) !== NO_POOL;
}

/** Leaves the slot to nobody; what was counted for its endpoint is no longer counted. */
export function vacate(slot: u32): void {
  unchecked((tenancyOf[slot] = tenancyOf[slot] + 1));
  unchecked((poolOf[slot] = NO_POOL));
  unchecked((stateOf[slot] = STATE_DOWN));
  unchecked((addressBytesOf[slot] = 0));
}

// ---- loads --------------------------------------------------------------------------------------

export const waitingOf = new StaticArray<u32>(SLOTS);
export const runningOf = new StaticArray<u32>(SLOTS);
/** Share of the KV cache in use. */
export const kvUseOf = new StaticArray<f32>(SLOTS);
/** When the endpoint was last probed well, on this gateway's clock; 0 is never. */
export const probedMs = new StaticArray<f64>(SLOTS);
/** What other gateways have in flight: requests, and prompt bytes uncached and in all. */
export const otherRequestsOf = new StaticArray<u32>(SLOTS);
export const otherBacklogOf = new StaticArray<u32>(SLOTS);
export const otherResidentOf = new StaticArray<u32>(SLOTS);
export const otherUnansweredOf = new StaticArray<u32>(SLOTS);
/** What engines say of requests that passed no gateway: waiting, and in all. */
export const foreignWaitingOf = new StaticArray<u32>(SLOTS);
export const foreignRequestsOf = new StaticArray<u32>(SLOTS);
/** How long a prompt byte takes there over the pool's mean. */
export const slownessOf = new StaticArray<f32>(SLOTS).fill(1);

// ---- age ----------------------------------------------------------------------------------------

/** When the control plane was last heard, on this gateway's clock; 0 is never. */
export let contactMs: f64 = 0;

/** From here on what the disk of a gateway's start told is outdated. */
export function heardControlPlane(atMs: f64): void {
  isCold = false;
  if (atMs > contactMs) contactMs = atMs;
}

export function stageAt(atMs: f64): u32 {
  const age = atMs - contactMs;
  if (age <= settings.staleMs) return STAGE_FRESH;
  return age <= settings.blindMs ? STAGE_STALE : STAGE_BLIND;
}

/** How much pushed loads still count: 1 while fresh, falling to 0 where blind begins. */
export function trustAt(atMs: f64): f64 {
  const age = atMs - contactMs;
  if (age <= settings.staleMs) return 1;
  if (age >= settings.blindMs) return 0;
  return (settings.blindMs - age) / (settings.blindMs - settings.staleMs);
}
