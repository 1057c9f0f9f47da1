// A header that lists the endpoints a request may go to, as conformance tests send it: IP or IP:port,
// separated by commas. As upstream's header-based-testing-filter reads it, an IP without a port means
// the last endpoint of the table that has it, and of one IP only the first listed endpoint counts.
import { LISTED_MAX } from "../../protocol/limits.ts";
import { Pool } from "../hints/pool.ts";
import { addressAt, addressBytes } from "../hints/table.ts";
import { Wish } from "./wish.ts";

const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const SPACE: u8 = 0x20;
const OPENING_BRACKET: u8 = 0x5b;
const CLOSING_BRACKET: u8 = 0x5d;
const NOBODY: i32 = -1;

export function takeListed(pool: Pool, wish: Wish, at: usize, bytes: u32): void {
  wish.listedCount = 0;
  let start = at;
  const end = at + bytes;
  for (let i = at; i <= end; i++) {
    if (i < end && load<u8>(i) !== COMMA) continue;
    takeItem(pool, wish, start, i);
    start = i + 1;
  }
}

function takeItem(pool: Pool, wish: Wish, from: usize, to: usize): void {
  while (from < to && load<u8>(from) === SPACE) from++;
  while (to > from && load<u8>(to - 1) === SPACE) to--;
  const slot = endpointOf(pool, from, to);
  if (slot === NOBODY || wish.listedCount >= <i32>LISTED_MAX) return;
  for (let i = 0; i < wish.listedCount; i++) {
    if (hasSameIp(unchecked(wish.listed[i]), <u16>slot)) return;
  }
  unchecked((wish.listed[wish.listedCount] = <u16>slot));
  wish.listedCount++;
}

function endpointOf(pool: Pool, from: usize, to: usize): i32 {
  if (from === to) return NOBODY;
  let found = NOBODY;
  for (let i = 0; i < pool.slotCount; i++) {
    const slot = <u32>unchecked(pool.slots[i]);
    const address = addressAt(slot);
    if (isSame(address, address + addressBytes(slot), from, to)) return <i32>slot;
    if (isSameIp(address, ipEnd(slot), from, to)) found = <i32>slot;
  }
  return found;
}

/** Where the colon before the port stands. */
function ipEnd(slot: u32): usize {
  let end = addressAt(slot) + addressBytes(slot);
  while (end > addressAt(slot) && load<u8>(end) !== COLON) end--;
  return end;
}

function hasSameIp(one: u16, other: u16): bool {
  return isSame(addressAt(one), ipEnd(one), addressAt(other), ipEnd(other));
}

/** An IPv6 address may be listed with or without brackets. */
function isSameIp(at: usize, end: usize, from: usize, to: usize): bool {
  return isSame(at, end, from, to) || isSame(inner(at), outer(end), inner(from), outer(to));
}

function inner(at: usize): usize {
  return load<u8>(at) === OPENING_BRACKET ? at + 1 : at;
}

function outer(end: usize): usize {
  return load<u8>(end - 1) === CLOSING_BRACKET ? end - 1 : end;
}

function isSame(at: usize, end: usize, from: usize, to: usize): bool {
  return end - at === to - from && memory.compare(at, from, end - at) === 0;
}
