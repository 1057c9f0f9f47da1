// The headers of a request to a prefill endpoint: the client's own, but for those that are about its
// connection, its body or the gateway; and the endpoint, with its rank where that matters. The path is the
// client's too, as the filter sees it: what a route rewrites of it is done on the way to decode only, for a call passes no route.

import { rankOf } from "../hints/disaggregation.ts";
import { addressAt, addressBytes } from "../hints/table.ts";
import {
  nameAt,
  nameBytes,
  nextHeader,
  REQUEST_HEADERS,
  readHeaders,
  setHeader,
  valueAt,
  valueBytes,
} from "../host/headers.ts";
import { equals, Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";
import { CLUSTER, DESTINATION } from "./destination.ts";
import { random } from "./random.ts";

/** With more, the request is decoded alone. */
const HEADERS_BYTES_MAX: u32 = 64 * 1024;
const HEADERS_MAX: u32 = 256;
const PAIR_BYTES: u32 = 8;

const REQUEST_ID = new Text("x-request-id");
const RANK = new Text("x-data-parallel-rank");
const PATH = new Text(":path");
const METHOD = new Text(":method");
const AUTHORITY = new Text(":authority");
const SCHEME = new Text(":scheme");
const POST = new Text("POST");
const COLON: u8 = 58;
const HYPHEN: u8 = 45;
const DIGITS = new Text("0123456789abcdef");

/** Not handed on. Answers are read as they come, so none may be compressed. */
const LEFT_OUT: StaticArray<Text> = [
  new Text("content-length"),
  new Text("transfer-encoding"),
  new Text("connection"),
  new Text("keep-alive"),
  new Text("expect"),
  new Text("te"),
  new Text("trailer"),
  new Text("upgrade"),
  new Text("accept-encoding"),
  new Text("x-hintway-explain"),
  RANK,
  CLUSTER,
  DESTINATION,
];
const ENVOYS = new Text("x-envoy-");

const sizes = new TextBuffer(HEADERS_MAX * PAIR_BYTES);
const content = new TextBuffer(HEADERS_BYTES_MAX);
/** The headers built last, as the host takes them. */
export const legHeaders = new TextBuffer(4 + HEADERS_MAX * PAIR_BYTES + HEADERS_BYTES_MAX);
const rank = new TextBuffer(10);
const identifier = new TextBuffer(36);
let hasIdentifier: bool = false;
let identifierSuffix: TextBuffer | null = null;
const suffixed = new TextBuffer(1024);

/**
 * Builds them for the request whose context is in force; false where they are too many. The text goes
 * behind the request's identifier, where the call is one of several. `hasRank`: the endpoint's is told.
 */
export function buildLegHeaders(slot: u32, hasRank: bool, suffix: TextBuffer | null = null): bool {
  sizes.clear();
  content.clear();
  hasIdentifier = false;
  identifierSuffix = suffix;
  let fits = add(METHOD.at, METHOD.bytes, POST.at, POST.bytes);
  readHeaders(REQUEST_HEADERS);
  while (nextHeader()) {
    if (!isHandedOn()) continue;
    fits = fits && (isIdentifier() ? addIdentifier(valueAt, valueBytes) : addHeader());
  }
  fits = fits && add(DESTINATION.at, DESTINATION.bytes, addressAt(slot), addressBytes(slot));
  if (hasRank) fits = fits && addRank(slot);
  if (!hasIdentifier) {
    identify();
    fits = fits && addIdentifier(identifier.at, identifier.bytes);
  }
  legHeaders.clear();
  legHeaders.addWord(sizes.bytes / PAIR_BYTES);
  legHeaders.add(sizes.at, sizes.bytes);
  legHeaders.add(content.at, content.bytes);
  return fits;
}

function addRank(slot: u32): bool {
  rank.clear();
  rank.addInteger(rankOf(slot));
  return add(RANK.at, RANK.bytes, rank.at, rank.bytes);
}

function isHandedOn(): bool {
  if (nameBytes === 0) return false;
  if (load<u8>(nameAt) === COLON) return isKeptPseudoHeader();
  for (let i = 0; i < LEFT_OUT.length; i++) {
    if (equals(nameAt, nameBytes, unchecked(LEFT_OUT[i]))) return false;
  }
  const isLong = nameBytes > ENVOYS.bytes;
  return !isLong || memory.compare(nameAt, ENVOYS.at, ENVOYS.bytes) !== 0;
}

function isKeptPseudoHeader(): bool {
  if (equals(nameAt, nameBytes, PATH) || equals(nameAt, nameBytes, AUTHORITY)) return true;
  return equals(nameAt, nameBytes, SCHEME);
}

function isIdentifier(): bool {
  return equals(nameAt, nameBytes, REQUEST_ID);
}

function addHeader(): bool {
  return add(nameAt, nameBytes, valueAt, valueBytes);
}

function addIdentifier(value: usize, bytes: u32): bool {
  hasIdentifier = true;
  const suffix = identifierSuffix;
  if (suffix === null) return add(REQUEST_ID.at, REQUEST_ID.bytes, value, bytes);
  suffixed.clear();
  if (bytes + suffix.bytes > suffixed.room) return false;
  suffixed.add(value, bytes);
  suffixed.add(suffix.at, suffix.bytes);
  return add(REQUEST_ID.at, REQUEST_ID.bytes, suffixed.at, suffixed.bytes);
}

function add(name: usize, bytes: u32, value: usize, valueLength: u32): bool {
  const fits = sizes.room >= PAIR_BYTES && content.room >= bytes + valueLength + 2;
  if (!fits) return false;
  sizes.addWord(bytes);
  sizes.addWord(valueLength);
  content.add(name, bytes);
  content.addByte(0);
  content.add(value, valueLength);
  content.addByte(0);
  return true;
}

/** Envoy gives each request an identifier, unless it was told not to: then all legs get this one. */
function identify(): void {
  identifier.clear();
  for (let i = 0; i < 32; i++) {
    if (i === 8 || i === 12 || i === 16 || i === 20) identifier.addByte(HYPHEN);
    let digit = <u32>(random() * 16);
    if (i === 12) digit = 4;
    else if (i === 16) digit = 8 | (digit & 3);
    identifier.addByte(load<u8>(DIGITS.at + digit));
  }
  setHeader(REQUEST_HEADERS, REQUEST_ID, identifier.at, identifier.bytes);
}
