// Which pool serves which model, as the table in force says where there are several pools.
import { MODELS_MAX, MODELS_TEXT_BYTES_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";

const names = new StaticArray<u64>(<i32>MODELS_MAX);
const poolsOf = new StaticArray<u32>(<i32>MODELS_MAX);
let count: i32 = 0;
/** Every pool's models are known. */
export let areAllKnown: bool = false;

/** What answers `GET /v1/models`; no bytes where nobody asks for it here. */
let text: usize = 0;
let textBytes: u32 = 0;

export const NO_MODEL: u32 = 0xffffffff;

export function forgetModels(): void {
  count = 0;
  areAllKnown = false;
  textBytes = 0;
}

/** Takes a checked record. */
export function takeModels(view: DataView, at: u32, memoryAt: usize): void {
  count = <i32>view.getUint32(at + wire.MODELS_COUNT, true);
  areAllKnown = (view.getUint32(at + wire.MODELS_FLAGS, true) & wire.MODELS_FLAG_ALL) !== 0;
  let entry = memoryAt + at + wire.MODELS_BYTES;
  for (let i = 0; i < count; i++) {
    unchecked((names[i] = load<u64>(entry, wire.MODEL_NAME_LOW)));
    unchecked((poolsOf[i] = load<u32>(entry, wire.MODEL_POOL)));
    entry += <usize>wire.MODEL_BYTES;
  }
  textBytes = view.getUint32(at + wire.MODELS_TEXT_BYTES, true);
  if (textBytes === 0) return;
  if (text === 0) text = heap.alloc(MODELS_TEXT_BYTES_MAX);
  memory.copy(text, entry, textBytes);
}

/** The number of the pool that serves the model of this name's hash, or NO_MODEL. */
export function poolOfModel(name: u64): u32 {
  for (let i = 0; i < count; i++) {
    if (unchecked(names[i]) === name) return unchecked(poolsOf[i]);
  }
  return NO_MODEL;
}

export function modelsText(): usize {
  return text;
}

export function modelsTextBytes(): u32 {
  return textBytes;
}
