import {
  proxy_get_header_map_pairs,
  proxy_remove_header_map_value,
  proxy_replace_header_map_value,
} from "@solo-io/proxy-runtime/assembly/imports";
import {
  equals,
  outPointer,
  outSize,
  receivedAt,
  receivedBytes,
  receiveNothing,
  Text,
} from "./memory.ts";

export const REQUEST_HEADERS: i32 = 0;
export const RESPONSE_HEADERS: i32 = 2;
export const CALLOUT_RESPONSE_HEADERS: i32 = 6;

// All headers come in one call, marshalled as
//
//   count u32 | name bytes u32, value bytes u32 (count times) | name 0 value 0 (count times)
//
// in the scratch buffer: read the pairs to the end before the next call to the host.
let pairsLeft: u32 = 0;
let sizes: usize = 0;
let content: usize = 0;
let end: usize = 0;

/** The pair that nextHeader moved to. */
export let nameAt: usize = 0;
export let nameBytes: u32 = 0;
export let valueAt: usize = 0;
export let valueBytes: u32 = 0;

/** Fetches all headers of a map; nextHeader then visits them. */
export function readHeaders(map: i32): void {
  receiveNothing();
  pairsLeft = 0;
  if (proxy_get_header_map_pairs(map, outPointer, outSize) !== 0) return;
  const at = receivedAt();
  const bytes = receivedBytes();
  if (bytes < 4) return;
  const count = load<u32>(at);
  if (<u64>count * 8 + 4 > <u64>bytes) return;
  pairsLeft = count;
  sizes = at + 4;
  content = sizes + count * 8;
  end = at + bytes;
}

export function nextHeader(): bool {
  if (pairsLeft === 0) return false;
  pairsLeft--;
  nameBytes = load<u32>(sizes);
  valueBytes = load<u32>(sizes, 4);
  sizes += 8;
  nameAt = content;
  valueAt = content + nameBytes + 1;
  content = valueAt + valueBytes + 1;
  return content <= end;
}

/** Whether the pair has this name. */
export function isNamed(name: Text): bool {
  return equals(nameAt, nameBytes, name);
}

/** Its value as a number of up to three digits, as a status or a count of tries is. */
export function valueDigits(): u32 {
  let value: u32 = 0;
  for (let i: u32 = 0; i < min(valueBytes, 3); i++) {
    value = value * 10 + load<u8>(valueAt + i) - 48;
  }
  return value;
}

/** Whether its value begins with this text, as a content type does with the media type. */
export function valueBegins(text: Text): bool {
  return valueBytes >= text.bytes && memory.compare(valueAt, text.at, text.bytes) === 0;
}

export const STATUS = new Text(":status");
export const CONTENT_TYPE = new Text("content-type");
export const JSON_TYPE = new Text("application/json");

export function setHeader(map: i32, name: Text, value: usize, bytes: u32): void {
  proxy_replace_header_map_value(map, name.at, name.bytes, value, bytes);
}

export function removeHeader(map: i32, name: Text): void {
  proxy_remove_header_map_value(map, name.at, name.bytes);
}
