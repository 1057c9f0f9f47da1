// What the request's headers say: path, what may not come from a client, and what the client asks.

import { objectiveCount } from "../hints/admission.ts";
import { counters } from "../hints/counters.ts";
import { Pool } from "../hints/pool.ts";
import {
  nameAt,
  nameBytes,
  nextHeader,
  REQUEST_HEADERS,
  readHeaders,
  removeHeader,
  valueAt,
  valueBytes,
} from "../host/headers.ts";
import { equals, Text } from "../host/memory.ts";
import { trapAsAsked } from "../trap.ts";
import { CLUSTER, DESTINATION } from "./destination.ts";
import { chooseProfile, hashOfValue, takeNamedHeader } from "./named-headers.ts";
import { modelOfPath } from "./named-model.ts";
import { namesModel } from "./named-target.ts";
import { prefersIfAvailable } from "./prefer.ts";
import { API_NONE, apiOf, isModelList } from "./prompt-api.ts";
import { Wish } from "./wish.ts";

/** Headers that only the gateway may set; a client's are removed. */
const RESERVED: StaticArray<Text> = [
  DESTINATION,
  new Text("x-gateway-destination-endpoint-subset"),
  new Text("x-gateway-destination-endpoint-served"),
  new Text("x-gateway-destination-endpoint-fallbacks"),
  new Text("x-prefiller-host-port"),
  new Text("x-prefiller-url"),
  new Text("x-encoder-hosts-ports"),
  new Text("x-data-parallel-host-port"),
  new Text("x-kv-cache-source-host-port"),
  CLUSTER,
];
const isFound = new StaticArray<bool>(RESERVED.length);

const PATH = new Text(":path");
const METHOD = new Text(":method");
const GET = new Text("GET");
const CONNECT = new Text("CONNECT");
const UPGRADE = new Text("upgrade");
const CONTENT_LENGTH = new Text("content-length");
const PREFER = new Text("prefer");
const EXPLAIN = new Text("x-hintway-explain");
const ONE = new Text("1");
/** Names the request's InferenceObjective; the first wins over the older one. */
const OBJECTIVE = new Text("x-llm-d-inference-objective");
const OLD_OBJECTIVE = new Text("x-gateway-inference-objective");
/** In the test build, a request with this header makes a virtual machine trap. */
const TRAP = new Text("x-hintway-trap");

export let api: u32 = API_NONE;
/**
 * Asks for another protocol on the connection, as a WebSocket does: what follows is no body. A model
 * server takes no body with these methods.
 */
export let isUpgrade: bool = false;
export let wantsExplanation: bool = false;
/** It is to be served only where its prompt is cached. */
export let isIfAvailable: bool = false;
/** A header names the model that the request is to get. */
export let namesTarget: bool = false;
export let contentBytes: f64 = 0;
let strippedCount: u32 = 0;
let objective: u64 = 0;
let oldObjective: u64 = 0;

let mayUpgrade: bool = false;
let namesProtocol: bool = false;

/** Reads all headers once, then removes those that are reserved. */
export function takeRequestHeaders(pool: Pool | null, wish: Wish): void {
  api = API_NONE;
  mayUpgrade = false;
  namesProtocol = false;
  wantsExplanation = false;
  isIfAvailable = false;
  namesTarget = false;
  contentBytes = 0;
  strippedCount = 0;
  objective = 0;
  oldObjective = 0;
  readHeaders(REQUEST_HEADERS);
  while (nextHeader()) {
    if (nameBytes > 0) takeHeader(load<u8>(nameAt));
    if (pool !== null) takeNamedHeader(pool, wish);
  }
  isUpgrade = mayUpgrade && namesProtocol;
  wish.objective = objective === 0 ? oldObjective : objective;
  if (pool !== null) chooseProfile(pool, wish);
  counters.headersStripped += strippedCount;
  for (let i = 0; i < RESERVED.length && strippedCount > 0; i++) {
    if (!unchecked(isFound[i])) continue;
    unchecked((isFound[i] = false));
    removeHeader(REQUEST_HEADERS, unchecked(RESERVED[i]));
  }
}

/** Removes what only the gateway may say, and reads nothing else. */
export function stripHeaders(): void {
  takeRequestHeaders(null, nobody);
}

const nobody = new Wish();

/** Reads what the pool's profiles look at, where the pool was not known when the headers came. */
export function takeNamedHeaders(pool: Pool, wish: Wish): void {
  if (pool.headerCount > 0) {
    readHeaders(REQUEST_HEADERS);
    while (nextHeader()) takeNamedHeader(pool, wish);
  }
  chooseProfile(pool, wish);
}

/** Whether the request is `GET /v1/models`. */
export function asksForModels(): bool {
  let isGet: bool = false;
  let isList: bool = false;
  readHeaders(REQUEST_HEADERS);
  while (nextHeader()) {
    if (equals(nameAt, nameBytes, METHOD)) isGet = equals(valueAt, valueBytes, GET);
    else if (equals(nameAt, nameBytes, PATH)) isList = isModelList(valueAt, valueBytes);
  }
  return isGet && isList;
}

/** The hash of the model that `GET /v1/models/NAME` asks for; 0 where the request is another. */
export function modelAskedFor(): u64 {
  let isGet: bool = false;
  let model: u64 = 0;
  readHeaders(REQUEST_HEADERS);
  while (nextHeader()) {
    if (equals(nameAt, nameBytes, METHOD)) isGet = equals(valueAt, valueBytes, GET);
    else if (equals(nameAt, nameBytes, PATH)) model = modelOfPath(valueAt, valueBytes);
  }
  return isGet ? model : 0;
}

/** By the name's first letter, which leaves most headers at one comparison. */
function takeHeader(first: u8): void {
  if (first === 58) takePseudoHeader();
  else if (first === 99) takeContentLength();
  else if (first === 112) takePreferences();
  else if (first === 117) namesProtocol = namesProtocol || equals(nameAt, nameBytes, UPGRADE);
  else if (first === 120) takeExtensionHeader();
}

function takePseudoHeader(): void {
  if (equals(nameAt, nameBytes, PATH)) api = apiOf(valueAt, valueBytes);
  else if (equals(nameAt, nameBytes, METHOD)) mayUpgrade = isUpgradeMethod();
}

function isUpgradeMethod(): bool {
  return equals(valueAt, valueBytes, GET) || equals(valueAt, valueBytes, CONNECT);
}

function takeContentLength(): void {
  if (!equals(nameAt, nameBytes, CONTENT_LENGTH)) return;
  for (let i: u32 = 0; i < min(valueBytes, 18); i++) {
    contentBytes = contentBytes * 10 + <f64>(load<u8>(valueAt + i) - 48);
  }
}

function takePreferences(): void {
  if (!equals(nameAt, nameBytes, PREFER)) return;
  isIfAvailable = isIfAvailable || prefersIfAvailable(valueAt, valueBytes);
}

function takeExtensionHeader(): void {
  if (TRAPS !== 0 && equals(nameAt, nameBytes, TRAP)) trapAsAsked(valueAt, valueBytes);
  if (equals(nameAt, nameBytes, EXPLAIN)) {
    wantsExplanation = equals(valueAt, valueBytes, ONE);
    return;
  }
  if (namesModel()) {
    namesTarget = true;
    return;
  }
  if (objectiveCount > 0 && takeObjective()) return;
  for (let i = 0; i < RESERVED.length; i++) {
    if (!equals(nameAt, nameBytes, unchecked(RESERVED[i]))) continue;
    unchecked((isFound[i] = true));
    strippedCount++;
    return;
  }
}

function takeObjective(): bool {
  if (equals(nameAt, nameBytes, OBJECTIVE)) objective = hashOfValue();
  else if (equals(nameAt, nameBytes, OLD_OBJECTIVE)) oldObjective = hashOfValue();
  else return false;
  return true;
}
