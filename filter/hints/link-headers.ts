// Headers of the link's calls, marshalled once, and again when another replica of the control plane has
// answered: a poll and the reports stay with the replica that knows how far this gateway was told, for
// as long as it is there. Nothing is allocated for it: replicas may take turns for ever.

import { REPLICA_HEADER } from "../../protocol/names.ts";
import { isNamed, valueAt, valueBytes } from "../host/headers.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";

const HEADERS_BYTES_MAX: u32 = 4096;
/** `ip:port`; a longer value is none. */
const REPLICA_BYTES_MAX: u32 = 64;

const REPLICA = new Text(REPLICA_HEADER);
const METHOD = new Text(":method");
const POST = new Text("POST");
const PATH = new Text(":path");
const HINTS = new Text("/v1/hints");
const REPORTS = new Text("/v1/reports");
const AUTHORITY = new Text(":authority");
const HINTWAY = new Text("hintway");
const TYPE = new Text("content-type");
const OCTETS = new Text("application/octet-stream");
const AUTHORIZATION = new Text("authorization");

export const pollHeaders = new TextBuffer(HEADERS_BYTES_MAX);
export const reportHeaders = new TextBuffer(HEADERS_BYTES_MAX);
const replica = new TextBuffer(REPLICA_BYTES_MAX);
/** Those of every call, but for the replica's, which is the last where it is known. */
let pollPairs: StaticArray<Text> = [];
let reportPairs: StaticArray<Text> = [];

/** Without a token of its own the filter leaves it to the cluster to add one. */
export function setLinkToken(token: string): void {
  pollPairs = pairsOf(HINTS, token);
  reportPairs = pairsOf(REPORTS, token);
  write();
}

function pairsOf(path: Text, token: string): StaticArray<Text> {
  const pairs = [METHOD, POST, PATH, path, AUTHORITY, HINTWAY, TYPE, OCTETS];
  if (token.length > 0) {
    pairs.push(AUTHORIZATION);
    pairs.push(new Text(`Bearer ${token}`));
  }
  return StaticArray.fromArray(pairs);
}

/** Takes the header of an answer that was moved to, where it is the one that names the replica. */
export function takeReplica(): void {
  if (!isNamed(REPLICA) || valueBytes > REPLICA_BYTES_MAX) return;
  const isSame =
    valueBytes === replica.bytes && memory.compare(valueAt, replica.at, valueBytes) === 0;
  if (isSame) return;
  replica.clear();
  replica.add(valueAt, valueBytes);
  write();
}

/** It failed: the next call goes to any. */
export function leaveReplica(): void {
  if (replica.bytes === 0) return;
  replica.clear();
  write();
}

function write(): void {
  writeInto(pollHeaders, pollPairs);
  writeInto(reportHeaders, reportPairs);
}

function writeInto(headers: TextBuffer, pairs: StaticArray<Text>): void {
  headers.clear();
  headers.addPairsAnd(pairs, REPLICA, replica);
}
