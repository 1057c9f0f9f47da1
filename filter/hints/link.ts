// The gateway's link to the control plane, kept by the machine that holds the lease: a long poll
// that brings hints, and reports in batches the other way.
import {
  FLAG_WANTS_INDEX,
  FLAG_WHOLE_TABLE,
  FRAME_HEADER_BYTES,
  FRAME_OK,
  FRAME_VERSION,
  frameFlags,
  frameVersion,
  padded,
  RECORD_HEADER_BYTES,
} from "../../protocol/frame.ts";
import { FRAME_BYTES_MAX, SLOTS_MAX, VERSION_MAX, VERSION_MIN } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { bufferAt, CALLOUT_RESPONSE_BODY, readBuffer } from "../host/buffers.ts";
import { call, warn } from "../host/callouts.ts";
import {
  CALLOUT_RESPONSE_HEADERS,
  isNamed,
  nextHeader,
  readHeaders,
  STATUS,
  valueDigits,
} from "../host/headers.ts";
import { scratchView, Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";
import { checkHints } from "./check.ts";
import { counters } from "./counters.ts";
import { entrySlots } from "./entries.ts";
import * as flight from "./flight.ts";
import { gatewayId } from "./gateway-id.ts";
import { takeHints } from "./intake.ts";
import { isHolder } from "./lease.ts";
import {
  leaveReplica,
  pollHeaders,
  reportHeaders,
  setLinkToken,
  takeReplica,
} from "./link-headers.ts";
import { position } from "./position.ts";
import { RecordBuffer } from "./record-buffer.ts";
import { addHolders } from "./seeding.ts";
import { handOn, reports } from "./sharing.ts";
import * as table from "./table.ts";
import { agreeOnVersion } from "./version.ts";

const HOLD_MS: u32 = 10_000;
const POLL_TIMEOUT_MS: u32 = 13_000;
const REPORT_TIMEOUT_MS: u32 = 2_000;
const RETRY_MS_MIN: f64 = 100;
const RETRY_MS_MAX: f64 = 250;
/** Entries of the index looked at for one report while it is handed back. */
const HAND_BACK_STEP: u32 = 131_072;
/** The table in force, of as many endpoints as there may be. */
const POLL_BYTES_MAX: u32 = 512 * 1024;
/** Where the body of a frame's first record begins. */
const GATEWAY_AT: u32 = FRAME_HEADER_BYTES + RECORD_HEADER_BYTES;
const EMPTY_REPORT_BYTES: u32 = GATEWAY_AT + wire.GATEWAY_BYTES;

const ANSWER_BYTES_SHOWN: u32 = 512;

const VERSION_WARNING = new Text(
  "hintway: the control plane shares no protocol version with this filter, which speaks ",
);
const TO = new Text(" to ");
const VERSION_REMEDY = new Text(
  "; requests are routed by what the gateway knows. Run versions of both that are at most one release apart. It answered: ",
);
const warning = new TextBuffer(1024);
let hasWarned: bool = false;
const poll = new RecordBuffer(POLL_BYTES_MAX);
let cluster: Text = new Text("");

let pollToken: u32 = 0;
let reportToken: u32 = 0;
let pollAtMs: f64 = 0;
let reportAtMs: f64 = 0;
let retryMs: f64 = RETRY_MS_MIN;
/** The next poll tells the table in force, so that a control plane that lost it takes its slots. */
let tellsTable: bool = true;
let handBackAt: u32 = 0;
let handBackEnd: u32 = 0;
/** Where the hand-back of the report under way began: one that fails is told again. */
let handBackFrom: u32 = 0;

/** Which cluster is the control plane, and the token to show, if the cluster does not add one. */
export function configureLink(to: Text, token: string): void {
  cluster = to;
  setLinkToken(token);
  beginReport();
}

export function keepLink(nowMs: f64): void {
  if (!isHolder || cluster.bytes === 0) return;
  if (pollToken === 0 && nowMs >= pollAtMs) sendPoll(nowMs);
  if (reportToken === 0 && nowMs - reportAtMs >= table.settings.reportMs) sendReport(nowMs);
}

/** How long until something is to be sent; Infinity while only an answer can change that. */
export function linkWaitMs(nowMs: f64): f64 {
  if (!isHolder || cluster.bytes === 0) return Infinity;
  const pollMs = pollToken === 0 ? pollAtMs : Infinity;
  const isReportDue = reportToken === 0 && hasNews();
  const reportMs = isReportDue ? reportAtMs + table.settings.reportMs : Infinity;
  return min(pollMs, reportMs) - nowMs;
}

/** An answer came, or a call failed. Answers false when the call is not one of the link's. */
export function takeAnswer(token: u32, bodyBytes: u32, nowMs: f64): bool {
  if (token === 0) return false;
  if (token === pollToken) takePollAnswer(bodyBytes, nowMs);
  else if (token === reportToken) takeReportAnswer(nowMs);
  else return false;
  return true;
}

// ---- polls --------------------------------------------------------------------------------------

/** A record whose fields are written when the frame is sent. */
function addGateway(to: RecordBuffer): void {
  to.begin(wire.GATEWAY, wire.GATEWAY_BYTES);
}

function writeGateway(at: usize, nowMs: f64): void {
  memory.copy(at, gatewayId, 16);
  store<u32>(at + wire.GATEWAY_VERSION_MIN, VERSION_MIN);
  store<u32>(at + wire.GATEWAY_VERSION_MAX, VERSION_MAX);
  store<u32>(at + wire.GATEWAY_GENERATION, table.generation);
  store<u32>(at + wire.GATEWAY_TABLE, position.table);
  store<u32>(at + wire.GATEWAY_LOADS, position.loads);
  store<u32>(at + wire.GATEWAY_INDEX, position.index);
  store<u32>(at + wire.GATEWAY_HOLD_MS, HOLD_MS);
  store<u32>(at + wire.GATEWAY_ORIGIN, position.origin);
  store<u32>(at + wire.GATEWAY_TOLD_MS, <u32>max(0, nowMs - position.toldAtMs));
}

function addEndpoint(slot: u32): void {
  const bytes = table.addressBytes(slot);
  const bodyBytes = wire.ENDPOINT_BYTES + padded(bytes);
  const body = poll.begin(wire.ENDPOINT, bodyBytes);
  if (body === 0) return;
  const at = poll.at + body;
  memory.fill(at, 0, bodyBytes);
  store<u32>(at, slot);
  store<u32>(at + wire.ENDPOINT_POOL, unchecked(table.poolOf[slot]));
  store<u32>(at + wire.ENDPOINT_LABELS, unchecked(table.labelsOf[slot]));
  store<u32>(at + wire.ENDPOINT_CAPACITY_BLOCKS, unchecked(table.capacityOf[slot]));
  store<u32>(at + wire.ENDPOINT_ADDRESS_BYTES, bytes);
  memory.copy(at + wire.ENDPOINT_BYTES, table.addressAt(slot), bytes);
}

function sendPoll(nowMs: f64): void {
  poll.clear();
  addGateway(poll);
  if (tellsTable) {
    for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) if (table.isServing(slot)) addEndpoint(slot);
  }
  writeGateway(poll.at + GATEWAY_AT, nowMs);
  poll.seal(0, table.generation, 0);
  pollToken = call(
    cluster.at,
    cluster.bytes,
    pollHeaders.at,
    pollHeaders.bytes,
    poll.at,
    poll.frameBytes,
    POLL_TIMEOUT_MS,
  );
  if (pollToken === 0) pollFailed(nowMs);
}

function pollFailed(nowMs: f64): void {
  counters.pollsFailed++;
  leaveReplica();
  agreeOnVersion(VERSION_MIN);
  pollAtMs = nowMs + retryMs;
  retryMs = min(retryMs * 2, RETRY_MS_MAX);
  tellsTable = true;
}

function takePollAnswer(bodyBytes: u32, nowMs: f64): void {
  pollToken = 0;
  const status = answerStatus();
  if (status === 426) versionRefused(bodyBytes);
  if (status === 409) position.forget();
  if (status !== 200 && status !== 204) {
    pollFailed(nowMs);
    return;
  }
  if (status === 200 && !takeFrame(bodyBytes, nowMs)) {
    position.forget();
    pollFailed(nowMs);
    return;
  }
  retryMs = RETRY_MS_MIN;
  tellsTable = false;
  position.toldAtMs = nowMs;
  table.heardControlPlane(nowMs);
  pollAtMs = nowMs;
  keepLink(nowMs);
}

function takeFrame(bodyBytes: u32, nowMs: f64): bool {
  const bytes = readBuffer(CALLOUT_RESPONSE_BODY, 0, min(bodyBytes, FRAME_BYTES_MAX + 1));
  const result = checkHints(scratchView, 0, bytes);
  if (result !== FRAME_OK) {
    if (result === FRAME_VERSION) versionRefused(0);
    counters.hintsRefused++;
    return false;
  }
  counters.hintsAccepted++;
  hasWarned = false;
  agreeOnVersion(frameVersion(scratchView, 0));
  const flags = frameFlags(scratchView, 0);
  const isWholeTable = (flags & FLAG_WHOLE_TABLE) !== 0;
  const generation = table.generation;
  const origin = position.origin;
  takeHints(scratchView, bufferAt(), bytes, nowMs);
  if ((flags & FLAG_WANTS_INDEX) !== 0) beginHandBack();
  // Somebody else may never have been told what is in flight.
  if (table.generation !== generation || position.origin !== origin) reportAllFlight();
  handOn(bufferAt(), bytes, isWholeTable);
  return true;
}

/** No version is shared: the log says so once, with what the control plane wrote. */
function versionRefused(bodyBytes: u32): void {
  counters.versionsRefused++;
  if (hasWarned) return;
  hasWarned = true;
  const told = readBuffer(CALLOUT_RESPONSE_BODY, 0, min(bodyBytes, ANSWER_BYTES_SHOWN));
  warning.clear();
  warning.addText(VERSION_WARNING);
  warning.addInteger(VERSION_MIN);
  warning.addText(TO);
  warning.addInteger(VERSION_MAX);
  warning.addText(VERSION_REMEDY);
  warning.add(bufferAt(), told);
  warn(warning.at, warning.bytes);
}

function answerStatus(): u32 {
  let status: u32 = 0;
  readHeaders(CALLOUT_RESPONSE_HEADERS);
  while (nextHeader()) {
    if (isNamed(STATUS)) status = valueDigits();
    else takeReplica();
  }
  return status;
}

// ---- reports ------------------------------------------------------------------------------------

function reportAllFlight(): void {
  for (let slot: u32 = 0; slot < SLOTS_MAX; slot++) {
    if (table.isServing(slot)) flight.unreported.add(slot);
  }
}

function beginHandBack(): void {
  handBackAt = 0;
  handBackFrom = 0;
  handBackEnd = entrySlots();
}

function addHandBack(): void {
  const end = min(handBackEnd, handBackAt + HAND_BACK_STEP);
  while (handBackAt < end && addHolders(reports, handBackAt)) handBackAt++;
}

/** A report begins with the gateway's record; the rest is gathered behind it. */
function beginReport(): void {
  reports.clear();
  addGateway(reports);
}

function sendReport(nowMs: f64): void {
  if (table.generation === 0 || table.contactMs === 0) {
    beginReport();
    return;
  }
  if (!hasNews()) return;
  reportAtMs = nowMs;
  addFlights();
  // Last, as it fills all the room there is.
  handBackFrom = handBackAt;
  addHandBack();
  writeGateway(reports.at + GATEWAY_AT, nowMs);
  reports.seal(0, table.generation, 0);
  reportToken = call(
    cluster.at,
    cluster.bytes,
    reportHeaders.at,
    reportHeaders.bytes,
    reports.at,
    reports.frameBytes,
    REPORT_TIMEOUT_MS,
  );
  beginReport();
  if (reportToken === 0) reportFailed(nowMs);
}

function hasNews(): bool {
  if (reports.frameBytes > EMPTY_REPORT_BYTES || flight.unreported.count > 0) return true;
  return handBackAt < handBackEnd;
}

/** A share that finds no room waits for the next report. */
function addFlights(): void {
  while (flight.unreported.count > 0 && reports.hasRoom(wire.FLIGHT_BYTES)) {
    const slot = flight.unreported.take();
    reports.addFlight(
      slot,
      flight.requestsOn(slot),
      flight.unansweredOn(slot),
      flight.backlogOn(slot),
      flight.residentOn(slot),
    );
  }
}

/** What was told is lost, also that nothing is in flight any more. */
function reportFailed(nowMs: f64): void {
  counters.reportsFailed++;
  leaveReplica();
  reportAtMs = nowMs + RETRY_MS_MAX;
  handBackAt = handBackFrom;
  reportAllFlight();
}

function takeReportAnswer(nowMs: f64): void {
  reportToken = 0;
  const status = answerStatus();
  if (status !== 200) {
    if (status === 409) {
      position.forget();
      pollAtMs = nowMs;
    }
    reportFailed(nowMs);
    return;
  }
  table.heardControlPlane(nowMs);
}
