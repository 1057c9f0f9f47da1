// Which virtual machines of this gateway are alive. Each takes the lowest free number and keeps a
// heartbeat beside it in shared data; a number whose heartbeat has stopped is free again.
//
//   hintway:machine:<number>   incarnation u32 | ready u32 | heartbeat f64 (ms)
//
// The host delivers messages to one machine per thread, and the main thread has two. So a machine
// first sends itself a message: one that never hears it stays silent and lets its number go.
import { VMS_MAX } from "../../protocol/limits.ts";
import { receivedAt, Text } from "../host/memory.ts";
import {
  dequeue,
  enqueue,
  readShared,
  registerQueue,
  resolveQueue,
  sharedVersion,
  writeShared,
} from "../host/shared.ts";

const HEARTBEAT_MS: f64 = 250;
const DEAD_MS: f64 = 1_500;
/** Between two tries of a machine that found all numbers taken. */
const JOIN_PERIOD_MS: f64 = 1_000;
const RECORD_BYTES: u32 = 16;
/** A version no value has: writes only where there is nothing yet. */
const ONLY_NEW: u32 = 0xffffffff;

const keys = new StaticArray<Text | null>(<i32>VMS_MAX);
const queueNames = new StaticArray<Text | null>(<i32>VMS_MAX);
const tokens = new StaticArray<u32>(<i32>VMS_MAX);
const incarnations = new StaticArray<u32>(<i32>VMS_MAX);
const record: usize = heap.alloc(RECORD_BYTES);

/** This machine's number, -1 while it has none. */
export let ownNumber: i32 = -1;
/** Messages reach this machine. */
export let isReady: bool = false;
let ownIncarnation: u32 = 0;
let ownQueue: u32 = 0;
let heartbeatMs: f64 = 0;
let triedMs: f64 = 0;

/** A machine that came, and one that went, since the last look; -1 is none. */
export const joined = new StaticArray<i32>(<i32>VMS_MAX);
export let joinedCount: i32 = 0;
export const left = new StaticArray<i32>(<i32>VMS_MAX);
export let leftCount: i32 = 0;

function keyOf(number: i32): Text {
  let key = unchecked(keys[number]);
  if (key === null) {
    key = new Text(`hintway:machine:${number}`);
    unchecked((keys[number] = key));
  }
  return key;
}

function queueNameOf(number: i32): Text {
  let name = unchecked(queueNames[number]);
  if (name === null) {
    name = new Text(`hintway:queue:${number}`);
    unchecked((queueNames[number] = name));
  }
  return name;
}

/** Takes a number and a queue. `incarnation` tells this machine from one that had the number before. */
export function join(incarnation: u32, nowMs: f64): void {
  ownIncarnation = incarnation;
  triedMs = nowMs;
  for (let number = 0; number < <i32>VMS_MAX; number++) {
    const bytes = readShared(keyOf(number));
    const isTaken = bytes === RECORD_BYTES && nowMs - load<f64>(receivedAt(), 8) < DEAD_MS;
    if (isTaken) continue;
    if (!writeHeartbeat(number, nowMs, bytes === 0 ? ONLY_NEW : sharedVersion)) continue;
    ownNumber = number;
    ownQueue = registerQueue(queueNameOf(number));
    while (dequeue(ownQueue) > 0);
    store<u32>(record, ownIncarnation);
    enqueue(ownQueue, record, 4);
    return;
  }
}

function writeHeartbeat(number: i32, nowMs: f64, version: u32): bool {
  store<u32>(record, ownIncarnation);
  store<u32>(record, isReady ? 1 : 0, 4);
  store<f64>(record, nowMs, 8);
  return writeShared(keyOf(number), record, RECORD_BYTES, version);
}

export function isOwnQueue(token: u32): bool {
  return token === ownQueue;
}

/** Whether a message is the one this machine sent itself; then it hears, and says so. */
export function takeGreeting(bytes: u32, nowMs: f64): bool {
  if (bytes !== 4) return false;
  if (load<u32>(receivedAt()) === ownIncarnation && !isReady) {
    isReady = true;
    beat(nowMs);
    lookSoon();
  }
  return true;
}

/** Somebody is there whom the last look did not find: look again at the next tick. */
export function lookSoon(): void {
  heartbeatMs = 0;
}

/** Whether there is somebody to look for at the next tick. */
export function isLookDue(): bool {
  return isReady && heartbeatMs === 0;
}

/** Whether this machine has met the one that sends. */
export function hasMet(number: i32): bool {
  return unchecked(incarnations[number]) !== 0;
}

/** Keeps the number, or tries to get one, and looks who else is alive. */
export function keepAlive(nowMs: f64): void {
  joinedCount = 0;
  leftCount = 0;
  if (ownNumber < 0 && nowMs - triedMs >= JOIN_PERIOD_MS) join(ownIncarnation, nowMs);
  if (!isReady || nowMs - heartbeatMs < HEARTBEAT_MS) return;
  beat(nowMs);
  if (isReady) look(nowMs);
}

function beat(nowMs: f64): void {
  heartbeatMs = nowMs;
  const bytes = readShared(keyOf(ownNumber));
  const isOurs = bytes === RECORD_BYTES && load<u32>(receivedAt()) === ownIncarnation;
  if (isOurs && writeHeartbeat(ownNumber, nowMs, sharedVersion)) return;
  // This machine stood still for so long that another took its number.
  isReady = false;
  ownNumber = -1;
  join(ownIncarnation + 1, nowMs);
}

function look(nowMs: f64): void {
  for (let number = 0; number < <i32>VMS_MAX; number++) {
    if (number === ownNumber) continue;
    const bytes = readShared(keyOf(number));
    if (bytes !== RECORD_BYTES) break;
    const at = receivedAt();
    const isAlive = load<u32>(at, 4) === 1 && nowMs - load<f64>(at, 8) < DEAD_MS;
    const incarnation = isAlive ? load<u32>(at) : 0;
    const before = unchecked(incarnations[number]);
    if (incarnation === before) continue;
    if (before !== 0) unchecked((left[leftCount++] = number));
    unchecked((incarnations[number] = incarnation));
    if (incarnation === 0) continue;
    unchecked((tokens[number] = resolveQueue(queueNameOf(number))));
    unchecked((joined[joinedCount++] = number));
  }
}

/** Sends a message to one machine. */
export function sendTo(number: i32, message: usize, bytes: u32): void {
  if (unchecked(incarnations[number]) === 0) return;
  enqueue(unchecked(tokens[number]), message, bytes);
}

/** Sends a message to every other machine. */
export function sendToAll(message: usize, bytes: u32): void {
  for (let number = 0; number < <i32>VMS_MAX; number++) {
    if (unchecked(incarnations[number]) !== 0) enqueue(unchecked(tokens[number]), message, bytes);
  }
}
