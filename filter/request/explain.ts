// Why a pick fell as it did, as compact JSON: how users and tests see it.
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import * as profile from "../../protocol/profile.ts";
import { backlogOn, requestsOn, residentOn } from "../hints/flight.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys } from "../hints/prefix-index.ts";
import { addressAt, addressBytes, runningOf, waitingOf } from "../hints/table.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";
import { candidateCount, candidates, isLastResort } from "./candidates.ts";
import { costOf, parts, scores } from "./score.ts";
import { stageName } from "./stage-names.ts";
import { Wish } from "./wish.ts";

const EXPLANATION_BYTES_MAX: u32 = 12 * 1024;
/** Room for one candidate and each of its scores; those that do not fit are left out and counted. */
const CANDIDATE_BYTES: u32 = 448;
const SCORE_BYTES: u32 = 56;

const spare: TextBuffer[] = [];

export function takeExplanation(): TextBuffer {
  return spare.length > 0 ? spare.pop() : new TextBuffer(EXPLANATION_BYTES_MAX);
}

export function giveBack(buffer: TextBuffer): void {
  spare.push(buffer);
}

const STAGE = new Text('{"stage":"');
const POOL = new Text('","pool":"');
const IS_LAST_RESORT = new Text('","lastResort":true,"keys":');
const KEYS = new Text('","keys":');
const PROMPT_BYTES = new Text(',"promptBytes":');
const CANDIDATES = new Text(',"candidates":[');
const ENDPOINT = new Text('{"endpoint":"');
const MATCHED = new Text('","matchedKeys":');
const REQUESTS = new Text(',"requests":');
const BACKLOG = new Text(',"backlogBytes":');
const RESIDENT = new Text(',"residentBytes":');
const WAITING = new Text(',"waiting":');
const RUNNING = new Text(',"running":');
const COST = new Text(',"costBytes":');
const SCORE = new Text(',"score":');
const SCORERS = new Text(',"scorers":{');
const LEFT_OUT = new Text('],"leftOut":');

function nameOf(operation: u32): Text | null {
  switch (operation) {
    case profile.SCORE_PUSHED:
      return PUSHED;
    case profile.SCORE_QUEUE:
      return QUEUE;
    case profile.SCORE_RUNNING:
      return RUNNING_REQUESTS;
    case profile.SCORE_ACTIVE_REQUEST:
      return ACTIVE_REQUEST;
    case profile.SCORE_TOKEN_LOAD:
      return TOKEN_LOAD;
    case profile.SCORE_PREFIX:
      return PREFIX;
    case profile.SCORE_LORA:
      return LORA;
    case profile.SCORE_NO_HIT_LRU:
      return NO_HIT;
    case profile.SCORE_SESSION:
      return SESSION;
    case profile.SCORE_TOKEN_COST:
      return TOKEN_COST;
    case profile.SCORE_VALUE:
      return VALUE;
    case profile.SCORE_CONTEXT_LENGTH:
      return CONTEXT_LENGTH;
    case profile.SCORE_HEADER_LABEL:
      return HEADER_LABEL;
    default:
      return null;
  }
}

const PUSHED = new Text("pushed");
const QUEUE = new Text("queue-scorer");
const RUNNING_REQUESTS = new Text("running-requests-size-scorer");
const ACTIVE_REQUEST = new Text("active-request-scorer");
const TOKEN_LOAD = new Text("token-load-scorer");
const PREFIX = new Text("prefix-cache-scorer");
const LORA = new Text("lora-affinity-scorer");
const NO_HIT = new Text("no-hit-lru-scorer");
const SESSION = new Text("session-affinity-scorer");
const TOKEN_COST = new Text("token-cost-scorer");
const VALUE = new Text("endpoint-attribute-scorer");
const CONTEXT_LENGTH = new Text("context-length-aware");
const HEADER_LABEL = new Text("header-label-affinity-scorer");

/** Writes what the pick just made was made of. */
export function explain(into: TextBuffer, pool: Pool, wish: Wish, stage: u32): void {
  into.clear();
  into.addText(STAGE);
  into.addText(stageName(stage));
  into.addText(POOL);
  into.add(pool.nameAt, pool.nameBytes);
  addNumber(into, isLastResort ? IS_LAST_RESORT : KEYS, <f64>wish.keyCount);
  addNumber(into, PROMPT_BYTES, <f64>wish.promptBytes);
  into.addText(CANDIDATES);
  let written = 0;
  const needed = CANDIDATE_BYTES + <u32>pool.steps * SCORE_BYTES;
  while (written < candidateCount && into.room > needed) {
    if (written > 0) into.addByte(44);
    addCandidate(into, pool, written);
    written++;
  }
  addNumber(into, LEFT_OUT, <f64>(candidateCount - written));
  into.addByte(125);
}

function addNumber(into: TextBuffer, name: Text, value: f64): void {
  into.addText(name);
  into.addNumber(value);
}

function addCandidate(into: TextBuffer, pool: Pool, candidate: i32): void {
  const slot = <u32>unchecked(candidates[candidate]);
  into.addText(ENDPOINT);
  into.add(addressAt(slot), addressBytes(slot));
  addNumber(into, MATCHED, <f64>unchecked(matchedKeys[slot]));
  addNumber(into, REQUESTS, <f64>requestsOn(slot));
  addNumber(into, BACKLOG, backlogOn(slot));
  addNumber(into, RESIDENT, residentOn(slot));
  addNumber(into, WAITING, <f64>unchecked(waitingOf[slot]));
  addNumber(into, RUNNING, <f64>unchecked(runningOf[slot]));
  if (hasCost(pool)) addNumber(into, COST, costOf(candidate));
  addNumber(into, SCORE, unchecked(scores[candidate]));
  into.addText(SCORERS);
  addScorers(into, pool, candidate);
  into.addByte(125);
  into.addByte(125);
}

function addScorers(into: TextBuffer, pool: Pool, candidate: i32): void {
  let isFirst = true;
  for (let step = 0; step < pool.steps; step++) {
    const name = nameOf(pool.operation(step));
    if (name === null) continue;
    if (!isFirst) into.addByte(44);
    isFirst = false;
    into.addByte(34);
    into.addText(name);
    into.addByte(34);
    into.addByte(58);
    into.addNumber(unchecked(parts[step * <i32>POOL_ENDPOINTS_MAX + candidate]));
  }
}

function hasCost(pool: Pool): bool {
  for (let step = 0; step < pool.steps; step++) {
    if (pool.operation(step) === profile.SCORE_TOKEN_COST) return true;
  }
  return false;
}
