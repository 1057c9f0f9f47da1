// The shipped filter's walk by itself: its sources with a small entry of this bench's own.

import { compiled } from "../parts/compiled.ts";

/** What the filter copies out of the host at a time. */
const SLICE_BYTES = 64 * 1024;
const WALK_BYTES_MAX = 4 * 1024 * 1024;

const SOURCE = `
import { Prompt } from "./filter/request/prompt.ts";
import { API_CHAT } from "./filter/request/prompt-api.ts";
const prompt = new Prompt();
let start: usize = 0;
let scratch: usize = heap.alloc(${SLICE_BYTES});
export function room(bytes: u32): usize {
  start = heap.alloc(bytes);
  return start;
}
export function walk(bytes: u32, times: u32): u32 {
  for (let i: u32 = 0; i < times; i++) {
    prompt.begin(API_CHAT, 1024, ${WALK_BYTES_MAX});
    for (let at: u32 = 0; at < bytes; at += ${SLICE_BYTES}) {
      prompt.walk(start + at, min(${SLICE_BYTES}, bytes - at));
    }
    prompt.finish();
    prompt.makeKeys(prompt.model);
    if (!prompt.readable) return 0;
  }
  return prompt.promptBytes;
}
export function copy(bytes: u32, times: u32): u32 {
  for (let i: u32 = 0; i < times; i++) {
    for (let at: u32 = 0; at < bytes; at += ${SLICE_BYTES}) {
      memory.copy(scratch, start + at, min(${SLICE_BYTES}, bytes - at));
    }
  }
  return bytes;
}
`;

export interface Walk {
  memory: WebAssembly.Memory;
  /** Memory for one body. */
  room(bytes: number): number;
  /** Walks the body so many times; answers the prompt's bytes, 0 when it cannot be read. */
  walk(bytes: number, times: number): number;
  /** Copies it in slices, for comparison. */
  copy(bytes: number, times: number): number;
}

export async function compileWalk(): Promise<Walk> {
  const { instance } = await WebAssembly.instantiate(await compiled(SOURCE), {});
  return instance.exports as unknown as Walk;
}
