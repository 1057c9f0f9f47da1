// In the test build alone, virtual machines trap when they are told to: the one that reads the
// request, or the one that holds the lease, which no request may ever reach.

import { isHolder } from "./hints/lease.ts";
import { equals, Text } from "./host/memory.ts";
import { readShared, writeShared } from "./host/shared.ts";

const HOLDER = new Text("holder");
const KEY = new Text("hintway:trap");

/** The header's value is `holder`, or anything else for the machine that reads it. */
export function trapAsAsked(value: usize, bytes: u32): void {
  if (!equals(value, bytes, HOLDER)) unreachable();
  writeShared(KEY, HOLDER.at, HOLDER.bytes, 0);
}

/** Called on the tick. The next holder of the lease is spared. */
export function trapAsHolder(): void {
  if (!isHolder || readShared(KEY) === 0) return;
  writeShared(KEY, HOLDER.at, 0, 0);
  unreachable();
}
