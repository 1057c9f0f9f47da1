// What the workers of one gateway tell each other: every pick, failure and end, and each one's
// share of what is in flight, at every tick. The holder of the lease also keeps what is to be
// reported to the control plane, and hands hints on to the others.
import {
  FRAME_HEADER_BYTES,
  FRAME_OK,
  frameGeneration,
  frameSender,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKind,
} from "../../protocol/frame.ts";
import { SLOTS_MAX, VMS_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { receivedAt, scratchView } from "../host/memory.ts";
import { dequeue } from "../host/shared.ts";
import { checkHints } from "./check.ts";
import { counters, zeroIndexGauges } from "./counters.ts";
import * as flight from "./flight.ts";
import { noteChange, zeroGauges } from "./gauges.ts";
import { noteFailure, noteOutcome } from "./health.ts";
import { takeEntries, takeHints, takePick } from "./intake.ts";
import { keepTable } from "./kept-table.ts";
import { isHolder } from "./lease.ts";
import * as machines from "./machines.ts";
import { RecordBuffer } from "./record-buffer.ts";
import { seedIndex, seedMachine } from "./seeding.ts";
import * as table from "./table.ts";
import { forgetUntold, moveUntoldTo, untoldRecords } from "./untold.ts";

const MESSAGE_BYTES_MAX: u32 = 1024 * 1024;
const REPORT_BYTES_MAX: u32 = 2 * 1024 * 1024;
/** Machines that start together meet only after their first picks, and tell each other of these. */
const YOUNG_MS: f64 = 2_000;
/** A pick is told at once, unless others were told of one just before: then the tick tells of it. */
const APART_MS: f64 = 2;
/**
 * A machine that picks so often in a millisecond leaves picks to the tick: each message wakes another
 * thread, which costs as much as ten calls to the host.
 */
const BUSY_PICKS_MS: f64 = 0.8;
const CONTACT_PERIOD_MS: f64 = 250;
/** So often what is in flight is told again, to whom a message was lost or who had given us up. */
const REFRESH_MS: f64 = 1_000;

/** Records of this machine since the last tick. */
export const outbox = new RecordBuffer(MESSAGE_BYTES_MAX);
/** Records of all machines since the last report; only the holder of the lease fills it. */
export const reports = new RecordBuffer(REPORT_BYTES_MAX);

let contactToldMs: f64 = 0;
let startedMs: f64 = 0;
let sentMs: f64 = 0;
let picksSinceTick: i32 = 0;
let tickedMs: f64 = 0;
/** Many picks were made between the last two ticks. */
let isBusy: bool = false;
/** Machines met that have not been told table and index by this one. */
const isUnseeded = new StaticArray<bool>(<i32>VMS_MAX);
let refreshedMs: f64 = 0;

/** Tells the others what this machine did since the last tick. */
export function shareAll(nowMs: f64): void {
  meetMachines(nowMs);
  if (!machines.isReady) return;
  if (startedMs === 0) startedMs = nowMs;
  if (isHolder) moveUntoldTo(reports);
  if (isHolder) seedJoined();
  if (nowMs - refreshedMs >= REFRESH_MS) refresh(nowMs);
  isBusy = <f64>picksSinceTick >= BUSY_PICKS_MS * (nowMs - tickedMs);
  tickedMs = nowMs;
  picksSinceTick = 0;
  send(nowMs);
}

/** Tells the others of a pick at once, unless many are made or they were told just before. */
export function shareSoon(nowMs: f64): void {
  picksSinceTick++;
  if (machines.isReady && !isBusy && nowMs - sentMs >= APART_MS) send(nowMs);
}

/** Whether the others do not know yet all that this machine does. */
export function hasToTell(): bool {
  return machines.isReady && (!outbox.isEmpty || flight.changed.count > 0);
}

function send(nowMs: f64): void {
  copyOwnTo(isHolder ? reports : untoldRecords());
  while (flight.changed.count > 0) {
    const slot = flight.changed.take();
    noteChange(slot);
    outbox.addFlight(
      slot,
      unchecked(flight.ownRequests[slot]),
      unchecked(flight.ownUnanswered[slot]),
      unchecked(flight.ownBacklog[slot]),
      unchecked(flight.ownResident[slot]),
    );
  }
  if (isHolder && nowMs - contactToldMs >= CONTACT_PERIOD_MS && table.contactMs > 0) {
    contactToldMs = nowMs;
    const body = outbox.begin(wire.CONTACT, wire.CONTACT_BYTES);
    if (body !== 0) store<u32>(outbox.at + body, <u32>max(0, nowMs - table.contactMs));
  }
  if (outbox.isEmpty && machines.joinedCount === 0) return;
  sentMs = nowMs;
  outbox.seal(0, table.generation, <u32>(machines.ownNumber + 1));
  machines.sendToAll(outbox.at, outbox.frameBytes);
  outbox.clear();
}

function refresh(nowMs: f64): void {
  refreshedMs = nowMs;
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) {
    if (unchecked(flight.ownRequests[slot]) > 0) flight.changed.add(slot);
  }
}

/** Before shares are added, the outbox has only what is reported too. */
function copyOwnTo(buffer: RecordBuffer): void {
  if (!outbox.isEmpty) noteKept(buffer.copyAll(outbox));
}

function meetMachines(nowMs: f64): void {
  machines.keepAlive(nowMs);
  for (let i = 0; i < machines.leftCount; i++) {
    const machine = unchecked(machines.left[i]);
    flight.forgetMachine(machine);
    if (!isHolder) continue;
    zeroGauges(machine);
    zeroIndexGauges(machine);
  }
  if (machines.joinedCount === 0) return;
  refresh(nowMs);
  contactToldMs = 0;
  const isYoung = nowMs - startedMs < YOUNG_MS;
  for (let i = 0; i < machines.joinedCount; i++) {
    const machine = unchecked(machines.joined[i]);
    unchecked((isUnseeded[machine] = true));
    if (!isHolder && isYoung) seedIndex(machine);
  }
}

/** Seeds those that joined since; when the holder is one that died, its successor does. */
function seedJoined(): void {
  for (let machine = 0; machine < <i32>VMS_MAX; machine++) {
    if (!unchecked(isUnseeded[machine])) continue;
    unchecked((isUnseeded[machine] = false));
    seedMachine(machine);
  }
}

// ---- hearing ------------------------------------------------------------------------------------

/** Takes every message that waits in a queue. */
export function hear(token: u32, nowMs: f64): void {
  for (let bytes = dequeue(token); bytes > 0; bytes = dequeue(token)) {
    // A queue of the main thread's silent machine: its messages are nobody's.
    if (!machines.isOwnQueue(token)) continue;
    if (machines.takeGreeting(bytes, nowMs)) continue;
    if (checkHints(scratchView, 0, bytes) !== FRAME_OK) {
      counters.messagesRefused++;
      continue;
    }
    const sender = frameSender(scratchView, 0);
    if (sender === 0) takeHints(scratchView, receivedAt(), bytes, nowMs);
    else if (sender <= VMS_MAX) {
      if (!machines.hasMet(<i32>sender - 1)) machines.lookSoon();
      takeMessage(scratchView, <i32>sender - 1, bytes, nowMs);
    }
  }
}

function takeMessage(view: DataView, sender: i32, bytes: u32, nowMs: f64): void {
  const isSameTable = frameGeneration(view, 0) === table.generation;
  for (let at = FRAME_HEADER_BYTES; at < bytes; ) {
    const kind = recordKind(view, at);
    const body = at + RECORD_HEADER_BYTES;
    if (kind === wire.FLIGHT) takeFlight(view, sender, body);
    else if (kind === wire.CONTACT) takeContact(view, body, nowMs);
    else if (isSameTable) takeNews(view, kind, at, nowMs);
    at = body + recordBytes(view, at);
  }
}

/** The holder of the lease is there, and says how long ago it heard the control plane. */
function takeContact(view: DataView, at: u32, nowMs: f64): void {
  table.heardControlPlane(nowMs - <f64>view.getUint32(at, true));
  forgetUntold();
}

/** What another machine picked, saw fail or saw end. `at` is where the record begins. */
function takeNews(view: DataView, kind: u32, at: u32, nowMs: f64): void {
  const body = at + RECORD_HEADER_BYTES;
  if (kind === wire.PICK) takePick(view, body, receivedAt());
  else if (kind === wire.ENTRIES) takeEntries(view, body, receivedAt());
  else if (kind === wire.FAILURE) noteFailure(view.getUint32(body, true), nowMs);
  else if (kind === wire.DONE) takeEnd(view, body, nowMs);
  if (!isReported(kind)) return;
  const into = isHolder ? reports : untoldRecords();
  noteKept(into.copyRecords(receivedAt() + at, RECORD_HEADER_BYTES + recordBytes(view, at)));
}

function takeEnd(view: DataView, at: u32, nowMs: f64): void {
  const slot = view.getUint32(at, true);
  const isServed = (view.getUint32(at + wire.DONE_FLAGS, true) & wire.DONE_FLAG_LOCAL) === 0;
  const status = view.getUint32(at + wire.DONE_STATUS, true);
  if (slot === wire.NO_SLOT || status === 0 || !isServed) return;
  noteOutcome(slot, status, nowMs);
}

/** What finds no room in the holder's report is lost; elsewhere it was kept in case, and is reported. */
function noteKept(hasRoom: bool): void {
  if (!hasRoom && isHolder) counters.recordsDropped++;
}

function isReported(kind: u32): bool {
  if (kind === wire.PICK || kind === wire.FAILURE) return true;
  return kind === wire.DONE || kind === wire.LEG;
}

function takeFlight(view: DataView, sender: i32, at: u32): void {
  flight.replaceShare(
    sender,
    view.getUint32(at, true),
    view.getUint32(at + wire.FLIGHT_REQUESTS, true),
    view.getUint32(at + wire.FLIGHT_BACKLOG_BYTES, true),
    view.getUint32(at + wire.FLIGHT_RESIDENT_BYTES, true),
    view.getUint32(at + wire.FLIGHT_UNANSWERED, true),
  );
}

/** Hands hints on to the other machines. */
export function handOn(frame: usize, bytes: u32, isWholeTable: bool): void {
  if (isWholeTable) keepTable(frame, bytes);
  machines.sendToAll(frame, bytes);
}
