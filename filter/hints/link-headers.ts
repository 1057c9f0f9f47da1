// Headers of the link's calls, marshalled once, and again when another replica of the control plane has
// answered: a poll and the reports stay with the replica that knows how far this gateway was told, for
// as long as it is there.

import { REPLICA_HEADER } from "../../protocol/names.ts";
import { equals, Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";

const HEADERS_BYTES_MAX: u32 = 4096;
/** `ip:port`; a longer value is none. */
const REPLICA_BYTES_MAX: u32 = 64;

const REPLICA = new Text(REPLICA_HEADER);

export const pollHeaders = new TextBuffer(HEADERS_BYTES_MAX);
export const reportHeaders = new TextBuffer(HEADERS_BYTES_MAX);
let token: string = "";
let replica: Text = new Text("");

/** Without a token of its own the filter leaves it to the cluster to add one. */
export function setLinkToken(text: string): void {
  token = text;
  write();
}

/** What a header of an answer says, where it is the one that names the replica. */
export function takeReplica(name: usize, nameBytes: u32, value: usize, valueBytes: u32): void {
  if (!equals(name, nameBytes, REPLICA) || valueBytes > REPLICA_BYTES_MAX) return;
  if (equals(value, valueBytes, replica)) return;
  replica = new Text(String.UTF8.decodeUnsafe(value, valueBytes));
  write();
}

/** It failed: the next call goes to any. */
export function leaveReplica(): void {
  if (replica.bytes === 0) return;
  replica = new Text("");
  write();
}

function write(): void {
  writeInto(pollHeaders, "/v1/hints");
  writeInto(reportHeaders, "/v1/reports");
}

function writeInto(headers: TextBuffer, path: string): void {
  const pairs = [
    new Text(":method"),
    new Text("POST"),
    new Text(":path"),
    new Text(path),
    new Text(":authority"),
    new Text("hintway"),
    new Text("content-type"),
    new Text("application/octet-stream"),
  ];
  if (token.length > 0) {
    pairs.push(new Text("authorization"));
    pairs.push(new Text(`Bearer ${token}`));
  }
  if (replica.bytes > 0) {
    pairs.push(REPLICA);
    pairs.push(replica);
  }
  headers.clear();
  headers.addPairs(StaticArray.fromArray(pairs));
}
