import { proxy_get_buffer_bytes } from "@solo-io/proxy-runtime/assembly/imports";
import { proxy_set_buffer_bytes } from "./env.ts";
import { outPointer, outSize, receivedAt, receivedBytes, receiveNothing } from "./memory.ts";

export const REQUEST_BODY: i32 = 0;
export const RESPONSE_BODY: i32 = 1;
export const CALLOUT_RESPONSE_BODY: i32 = 4;
export const PLUGIN_CONFIGURATION: i32 = 7;

/** Bytes of a body that are read in one piece, so that the scratch buffer stays small. */
export const SLICE_BYTES: u32 = 64 * 1024;

/**
 * Copies bytes of a buffer into the scratch buffer and answers how many there are. They stand at
 * bufferAt() until the next call to the host.
 */
export function readBuffer(buffer: i32, start: u32, bytes: u32): u32 {
  receiveNothing();
  if (proxy_get_buffer_bytes(buffer, start, bytes, outPointer, outSize) !== 0) return 0;
  return receivedBytes();
}

export function bufferAt(): usize {
  return receivedAt();
}

/**
 * Takes the first `bytes` bytes off the request's body of `total` and puts as many others at its end:
 * the host changes a buffer at its ends only. All slices of a body, so moved one after another, stand
 * in their old order.
 */
export function rotateRequestBody(source: usize, bytes: u32, total: u32): void {
  proxy_set_buffer_bytes(REQUEST_BODY, 0, bytes, source, 0);
  proxy_set_buffer_bytes(REQUEST_BODY, total - bytes, 0, source, bytes);
}
