// What the virtual machines of one Envoy process share: values with compare-and-swap, and queues.
import {
  proxy_dequeue_shared_queue,
  proxy_enqueue_shared_queue,
  proxy_get_shared_data,
  proxy_register_shared_queue,
  proxy_resolve_shared_queue,
  proxy_set_shared_data,
} from "@solo-io/proxy-runtime/assembly/imports";
import { outNumber, outPointer, outSize, receivedBytes, receiveNothing, Text } from "./memory.ts";

/** The version that goes with the value read last; what a compare-and-swap compares. */
export let sharedVersion: u32 = 0;

/** Reads a value into the scratch buffer; answers its bytes, 0 when there is none. */
export function readShared(key: Text): u32 {
  receiveNothing();
  store<u32>(outNumber, 0);
  const result = proxy_get_shared_data(key.at, key.bytes, outPointer, outSize, outNumber);
  sharedVersion = result === 0 ? load<u32>(outNumber) : 0;
  return result === 0 ? receivedBytes() : 0;
}

/** Writes when the version is still `version`; version 0 writes in any case. */
export function writeShared(key: Text, value: usize, bytes: u32, version: u32): bool {
  return proxy_set_shared_data(key.at, key.bytes, value, bytes, version) === 0;
}

/** Makes (or takes over) a queue whose messages wake this virtual machine. Answers its token. */
export function registerQueue(name: Text): u32 {
  proxy_register_shared_queue(name.at, name.bytes, outNumber);
  return load<u32>(outNumber);
}

/**
 * The token of another machine's queue; 0 when there is none. Without an identifier the host takes this
 * machine's own, which not every gateway lets an operator choose (proxy-wasm-cpp-host, context.cc).
 */
export function resolveQueue(name: Text): u32 {
  store<u32>(outNumber, 0);
  const result = proxy_resolve_shared_queue(0, 0, name.at, name.bytes, outNumber);
  return result === 0 ? load<u32>(outNumber) : 0;
}

export function enqueue(token: u32, message: usize, bytes: u32): bool {
  return proxy_enqueue_shared_queue(token, message, bytes) === 0;
}

/** Takes the next message into the scratch buffer; answers its bytes, 0 when the queue is empty. */
export function dequeue(token: u32): u32 {
  receiveNothing();
  if (proxy_dequeue_shared_queue(token, outPointer, outSize) !== 0) return 0;
  return receivedBytes();
}
