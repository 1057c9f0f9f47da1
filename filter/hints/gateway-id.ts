// The name by which the control plane knows this gateway: sixteen hexadecimal digits, made by the
// first machine of the process and read by the others.
import { receivedAt, Text } from "../host/memory.ts";
import { readShared, writeShared } from "../host/shared.ts";

const ID_BYTES: u32 = 16;
const ONLY_NEW: u32 = 0xffffffff;
const KEY = new Text("hintway:gateway");
const DIGITS = new Text("0123456789abcdef");

// splitmix64's constants, in two halves: the linter's JavaScript cannot say 64 bits at once.
const WEYL: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;
const MULTIPLIER: u64 = ((<u64>0xbf58476d) << 32) | 0x1ce4e5b9;

export const gatewayId: usize = heap.alloc(ID_BYTES);

/** `seed` differs between processes: the time, in nanoseconds. */
export function agreeOnGatewayId(seed: u64): void {
  let state = seed * WEYL;
  for (let i: usize = 0; i < <usize>ID_BYTES; i++) {
    state ^= state >> 29;
    state *= MULTIPLIER;
    store<u8>(gatewayId + i, load<u8>(DIGITS.at + <usize>(state >> 60)));
  }
  if (writeShared(KEY, gatewayId, ID_BYTES, ONLY_NEW)) return;
  if (readShared(KEY) === ID_BYTES) memory.copy(gatewayId, receivedAt(), ID_BYTES);
}
