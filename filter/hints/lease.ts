// One machine of a gateway talks to the control plane: the one that holds the lease, which moves
// when its holder no longer renews it.
//
//   hintway:lease   machine u32 | reserved u32 | valid until f64 (ms)
import { receivedAt, Text } from "../host/memory.ts";
import { readShared, sharedVersion, writeShared } from "../host/shared.ts";

const LEASE_MS: f64 = 800;
const RENEW_MS: f64 = 200;
const RECORD_BYTES: u32 = 16;
const ONLY_NEW: u32 = 0xffffffff;
const KEY = new Text("hintway:lease");
const record: usize = heap.alloc(RECORD_BYTES);

export let isHolder: bool = false;
let askedAtMs: f64 = 0;

/** Leaves the lease to run out: this machine has no number in whose name to hold it. */
export function dropLease(): void {
  isHolder = false;
}

/** Takes the free lease or renews the own one. */
export function keepLease(machine: u32, nowMs: f64): void {
  if (nowMs - askedAtMs < RENEW_MS) return;
  askedAtMs = nowMs;
  const bytes = readShared(KEY);
  const isFree = bytes !== RECORD_BYTES || load<f64>(receivedAt(), 8) < nowMs;
  const isOwn = bytes === RECORD_BYTES && load<u32>(receivedAt()) === machine;
  if (!isFree && !(isOwn && isHolder)) {
    isHolder = false;
    return;
  }
  store<u32>(record, machine);
  store<u32>(record, 0, 4);
  store<f64>(record, nowMs + LEASE_MS, 8);
  isHolder = writeShared(KEY, record, RECORD_BYTES, bytes === 0 ? ONLY_NEW : sharedVersion);
}
