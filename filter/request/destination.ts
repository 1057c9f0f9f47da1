// Where the request goes, said so that Envoy hears it: a header that the override_host policy reads
// (attachment A), or filter state that an ORIGINAL_DST cluster reads (attachment B).

import { CLUSTER_HEADER, DESTINATION_HEADER, LAST_KNOWN_SUFFIX } from "../../protocol/names.ts";
import { Pool } from "../hints/pool.ts";
import { addressAt, addressBytes, isCold } from "../hints/table.ts";
import { REQUEST_HEADERS, setHeader } from "../host/headers.ts";
import { Text } from "../host/memory.ts";
import { CLUSTER_NAME, propertyAt, readProperty } from "../host/properties.ts";
import { setFilterState } from "../host/stream.ts";
import { TextBuffer } from "../text-buffer.ts";

export const DESTINATION = new Text(DESTINATION_HEADER);
export const CLUSTER = new Text(CLUSTER_HEADER);
const LAST_KNOWN = new Text(LAST_KNOWN_SUFFIX);
const RETRIES_MAX = new Text("x-envoy-max-retries");
const NONE = new Text("0");
const COMMA: u8 = 44;
const FILTER_STATE_PATH = new Text("envoy.network.transport_socket.original_dst_address");

const text = new TextBuffer(1024);

/** Names the endpoints in order; Envoy's retries follow it. */
export function nameInHeader(slots: StaticArray<u16>, count: i32): void {
  text.clear();
  for (let i = 0; i < count; i++) {
    if (i > 0) text.addByte(COMMA);
    const slot = <u32>unchecked(slots[i]);
    text.add(addressAt(slot), addressBytes(slot));
  }
  setHeader(REQUEST_HEADERS, DESTINATION, text.at, text.bytes);
}

/** Envoy is not to try this request again, whatever its route says. */
export function forbidRetries(): void {
  setHeader(REQUEST_HEADERS, RETRIES_MAX, NONE.at, NONE.bytes);
}

/** Leads the request to the pool's cluster where its route would lead elsewhere. */
export function nameCluster(pool: Pool): void {
  text.clear();
  text.add(pool.nameAt, pool.nameBytes);
  if (isCold) text.addText(LAST_KNOWN);
  setHeader(REQUEST_HEADERS, CLUSTER, text.at, text.bytes);
}

/** Finds the cluster that a call to the pool's endpoints goes through; `leads`: as its route says. */
export function findCluster(pool: Pool, leads: bool): void {
  text.clear();
  if (leads && !isCold) {
    const bytes = readProperty(CLUSTER_NAME);
    text.add(propertyAt(), bytes);
  }
  if (text.bytes > 0) return;
  text.add(pool.nameAt, pool.nameBytes);
  if (isCold) text.addText(LAST_KNOWN);
}

/** The cluster found last, until the next destination is named. */
export function destinationClusterAt(): usize {
  return text.at;
}

export function destinationClusterBytes(): u32 {
  return text.bytes;
}

/**
 * Names the one endpoint an ORIGINAL_DST cluster connects to. The argument is the protobuf message
 * SetEnvoyFilterStateArguments: 1 path, 2 value, 3 span (0: this request).
 */
export function nameInFilterState(slot: u32): bool {
  text.clear();
  text.addByte(0x0a);
  text.addByte(<u8>FILTER_STATE_PATH.bytes);
  text.addText(FILTER_STATE_PATH);
  text.addByte(0x12);
  text.addByte(<u8>addressBytes(slot));
  text.add(addressAt(slot), addressBytes(slot));
  return setFilterState(text.at, text.bytes);
}
