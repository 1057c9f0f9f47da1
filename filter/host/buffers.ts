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

/** Takes bytes off the front of a body. The host changes a buffer at its ends only. */
export function dropFront(buffer: i32, bytes: u32): void {
  proxy_set_buffer_bytes(buffer, 0, bytes, bufferAt(), 0);
}

/** Puts other bytes in place of the first `bytes` of the request's body. */
export function putInFront(bytes: u32, source: usize, sourceBytes: u32): void {
  proxy_set_buffer_bytes(REQUEST_BODY, 0, bytes, source, sourceBytes);
}

/** Puts bytes at the end of a body of `total`. */
export function append(buffer: i32, total: u32, source: usize, bytes: u32): void {
  proxy_set_buffer_bytes(buffer, total, 0, source, bytes);
}
