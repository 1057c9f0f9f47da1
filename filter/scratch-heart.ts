import { apiOf as find, Prompt } from "./request/prompt.ts";

const prompt = new Prompt();
let buffer: usize = 0;
let capacity: u32 = 0;
export function room(bytes: u32): usize {
  if (bytes > capacity) {
    capacity = bytes;
    buffer = heap.alloc(bytes);
  }
  return buffer;
}
export function apiOf(bytes: u32): u32 {
  return find(buffer, bytes);
}
export function begin(api: u32, blockBytes: u32, most: u32): void {
  prompt.begin(api, blockBytes, most);
}
export function walk(at: usize, bytes: u32): void {
  prompt.walk(at, bytes);
}
export function finish(): void {
  prompt.finish();
}
export function release(): void {
  prompt.release();
}
export function readable(): bool {
  return prompt.readable;
}
export function reason(): u32 {
  return prompt.reason;
}
export function keyCount(): u32 {
  return prompt.keyCount;
}
export function keys(): usize {
  return prompt.keys;
}
export function promptBytes(): u32 {
  return prompt.promptBytes;
}
export function covered(n: u32): u32 {
  return prompt.coveredBytes(n);
}
export function repeat(api: u32, bytes: u32, times: u32): void {
  for (let i: u32 = 0; i < times; i++) {
    prompt.begin(api, 1024, 4194304);
    prompt.walk(buffer, bytes);
    prompt.finish();
  }
}

import { FlatObject } from "./json/flat-object.ts";

const flat = new FlatObject();
export function flatRead(bytes: u32): bool {
  return flat.read(buffer, bytes);
}
export function flatHints(): u32 {
  return flat.decode("hints") ? flat.textBytes("hints") : 0xffffffff;
}
export function flatNumber(): u32 {
  return flat.number("n", 7);
}
export function flatIs(): bool {
  return flat.isText("attachment", "pause");
}
export function flatTrue(): bool {
  return flat.isTrue("b");
}

import { Usage } from "./request/usage.ts";

const usage = new Usage();
export function usageBegin(sse: bool): void {
  usage.begin(sse);
}
export function usageRead(at: usize, n: u32): void {
  usage.read(at, n);
}
export function usageGet(i: u32): u32 {
  return i === 0
    ? usage.promptTokens
    : i === 1
      ? usage.cachedTokens
      : i === 2
        ? usage.completionTokens
        : usage.complete
          ? 1
          : 0;
}
export function usageRepeat(n: u32, times: u32): void {
  usage.begin(true);
  for (let i: u32 = 0; i < times; i++) usage.read(buffer, n);
}
