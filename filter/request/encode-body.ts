// The body of a request to an encoder, as the sidecar of llm-d-router makes it
// (pkg/sidecar/proxy/connector_ec_common.go): the client's, with one medium as its only message, one
// token to be answered, and no stream. Its members are copied to the letter.
//
//   {"model":"a","seed":1,"messages":[{"role":"user","content":[{…}]}],"max_tokens":1,"stream":false}
import { LEG_BODY_BYTES_MAX } from "../../protocol/limits.ts";
import { bufferAt, REQUEST_BODY, readBuffer, SLICE_BYTES } from "../host/buffers.ts";
import { Text } from "../host/memory.ts";
import { bodyRoom } from "./leg-body.ts";
import * as media from "./media.ts";

const MESSAGES = new Text('"messages":[{"role":"user","content":[');
const LIMITED = new Text(']}],"max_tokens":1');
const COMPLETION_LIMITED = new Text(',"max_completion_tokens":1');
const NOT_STREAMED = new Text(',"stream":false}');
const OPENING_BRACE: u8 = 123;
const COMMA: u8 = 44;
/** Of all texts above, and commas. */
const OWN_BYTES: u32 = 256;

/** The body built last. */
export let encodeBodyAt: usize = 0;
export let encodeBodyBytes: u32 = 0;

/** Builds it for one of the media found last in the held body; false where it is too long. */
export function buildEncodeBody(item: u32): bool {
  if (bytesOf(item) > LEG_BODY_BYTES_MAX) return false;
  encodeBodyAt = bodyRoom();
  encodeBodyBytes = 0;
  addByte(OPENING_BRACE);
  for (let range: u32 = 0; range < media.rangeCount(); range++) {
    if (!copy(media.rangeStart(range), media.rangeEnd(range))) return false;
    addByte(COMMA);
  }
  addText(MESSAGES);
  if (!copy(media.itemStart(item), media.itemEnd(item))) return false;
  addText(LIMITED);
  if (media.limitsCompletion()) addText(COMPLETION_LIMITED);
  addText(NOT_STREAMED);
  return true;
}

function bytesOf(item: u32): u32 {
  let bytes = OWN_BYTES + media.itemEnd(item) - media.itemStart(item);
  for (let range: u32 = 0; range < media.rangeCount(); range++) {
    bytes += media.rangeEnd(range) - media.rangeStart(range);
  }
  return bytes;
}

function addByte(byte: u8): void {
  store<u8>(encodeBodyAt + encodeBodyBytes++, byte);
}

function addText(text: Text): void {
  memory.copy(encodeBodyAt + encodeBodyBytes, text.at, text.bytes);
  encodeBodyBytes += text.bytes;
}

function copy(start: u32, end: u32): bool {
  for (let at = start; at < end; ) {
    const read = readBuffer(REQUEST_BODY, at, min(SLICE_BYTES, end - at));
    if (read === 0) return false;
    memory.copy(encodeBodyAt + encodeBodyBytes, bufferAt(), read);
    encodeBodyBytes += read;
    at += read;
  }
  return true;
}
