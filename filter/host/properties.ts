import { proxy_get_property, proxy_set_property } from "@solo-io/proxy-runtime/assembly/imports";
import { outPointer, outSize, receivedAt, receivedBytes, receiveNothing, Text } from "./memory.ts";

/** A property's path: its parts, each ended by a zero byte except the last. */
export const UPSTREAM_ADDRESS = new Text("upstream\0address");
export const RESPONSE_FLAGS = new Text("response\0flags");
export const REQUEST_ATTEMPTS = new Text("upstream\0request_attempt_count");
export const CODE_DETAILS = new Text("response\0code_details");
export const CLUSTER_NAME = new Text("xds\0cluster_name");

/** Reads a property into the scratch buffer; answers its bytes, 0 when it is not there. */
export function readProperty(path: Text): u32 {
  receiveNothing();
  if (proxy_get_property(path.at, path.bytes, outPointer, outSize) !== 0) return 0;
  return receivedBytes();
}

export function propertyAt(): usize {
  return receivedAt();
}

/** A numeric property; 0 when it is not there. */
export function readNumber(path: Text): u64 {
  if (readProperty(path) < 8) return 0;
  return load<u64>(receivedAt());
}

/** Leaves text with the request, in its filter state `wasm.<path>`. */
export function setProperty(path: Text, value: usize, bytes: u32): void {
  proxy_set_property(path.at, path.bytes, value, bytes);
}
