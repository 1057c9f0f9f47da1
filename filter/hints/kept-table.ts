// The last whole table, kept in shared data where a machine that starts finds it.
import { FRAME_OK } from "../../protocol/frame.ts";
import { receivedAt, scratchView, Text } from "../host/memory.ts";
import { readShared, writeShared } from "../host/shared.ts";
import { checkHints } from "./check.ts";
import { takeHints } from "./intake.ts";
import { sendTo } from "./machines.ts";

const KEY = new Text("hintway:table");

export function keepTable(frame: usize, bytes: u32): void {
  writeShared(KEY, frame, bytes, 0);
}

/** Takes the table an earlier machine of this gateway kept; false when there is none. */
export function takeKeptTable(nowMs: f64): bool {
  const bytes = readShared(KEY);
  if (bytes === 0 || checkHints(scratchView, 0, bytes) !== FRAME_OK) return false;
  takeHints(scratchView, receivedAt(), bytes, nowMs);
  return true;
}

/** Sends it to a machine that started before it was kept and was met only after. */
export function sendKeptTable(machine: i32): void {
  const bytes = readShared(KEY);
  if (bytes > 0) sendTo(machine, receivedAt(), bytes);
}
