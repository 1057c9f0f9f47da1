// The shipped filter's walk by itself: its sources with a small entry of this bench's own, compiled
// with the settings that the filter ships with.

import { existsSync, readFileSync } from "node:fs";
import asc from "assemblyscript/asc";
import { projectPath } from "../../start/project.ts";

const ENTRY = "walk-bench.ts";
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
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const flags = [ENTRY, "--outFile", "walk.wasm", ...shippedFlags()];
  const { error, stderr } = await asc.main(flags, {
    readFile: (path) => (path === ENTRY ? SOURCE : sourceOf(path)),
    writeFile: (path, contents) => {
      if (path === "walk.wasm") wasm = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error || !wasm) throw new Error(`the walk does not compile: ${stderr.toString()}`);
  const { instance } = await WebAssembly.instantiate(wasm, {});
  return instance.exports as unknown as Walk;
}

/** The options of asconfig.json, as flags: its entry is the filter, so it cannot be used itself. */
function shippedFlags(): string[] {
  const { options, targets } = JSON.parse(readFileSync(projectPath("asconfig.json"), "utf8"));
  const { outFile: _, ...target } = targets.release;
  return Object.entries({ ...options, ...target }).flatMap(([name, value]) => {
    if (typeof value === "boolean") return value ? [`--${name}`] : [];
    return [value].flat().flatMap((item) => [`--${name}`, String(item)]);
  });
}

function sourceOf(path: string): string | null {
  const file = projectPath(path);
  return path.endsWith("asconfig.json") || !existsSync(file) ? null : readFileSync(file, "utf8");
}
