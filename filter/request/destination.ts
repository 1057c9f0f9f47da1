// Where the request goes, said so that Envoy hears it: a header that the override_host policy reads
// (attachment A), or filter state that an ORIGINAL_DST cluster reads (attachment B).

import { addressAt, addressBytes, isCold } from "../hints/table.ts";
import { REQUEST_HEADERS, setHeader } from "../host/headers.ts";
import { Text } from "../host/memory.ts";
import { setFilterState } from "../host/stream.ts";
import { TextBuffer } from "../text-buffer.ts";

export const DESTINATION = new Text("x-gateway-destination-endpoint");
export const COLD = new Text("x-hintway-cold");
const ONE = new Text("1");
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
  // Clusters that came from disk stand under another name until the control plane is heard.
  if (isCold) setHeader(REQUEST_HEADERS, COLD, ONE.at, ONE.bytes);
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
