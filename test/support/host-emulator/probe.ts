import { readFileSync } from "node:fs";
import asc from "assemblyscript/asc";

/**
 * What every probe starts with: the ABI, one scratch buffer for all that the host hands over, and
 * short forms of host calls. The word in the plugin configuration says what the probe does.
 */
const PRELUDE = `
import * as host from "@solo-io/proxy-runtime/assembly/imports";
@external("env", "proxy_set_buffer_bytes")
declare function setBufferBytes(type: i32, start: u32, length: u32, data: usize, size: usize): u32;

export function proxy_abi_version_0_2_1(): void {}
const scratch = new ArrayBuffer(1 << 20);
export function malloc(bytes: usize): usize { return changetype<usize>(scratch); }
const out = heap.alloc(16);
let mode = "";

function at(text: string): usize { return changetype<usize>(String.UTF8.encode(text)); }
function size(text: string): u32 { return <u32>String.UTF8.byteLength(text); }
function handed(): string { return String.UTF8.decodeUnsafe(load<u32>(out), load<u32>(out, 4)); }
function say(text: string): void { host.proxy_log(2, at(text), size(text)); }
function sayResult(result: u32): void {
  say(result === 0 ? handed() : "result " + result.toString());
}
function buffer(type: i32, start: u32 = 0, length: u32 = 0x7fffffff): string {
  host.proxy_get_buffer_bytes(type, start, length, out, out + 4);
  return handed();
}
function header(map: i32, name: string): u32 {
  return host.proxy_get_header_map_value(map, at(name), size(name), out, out + 4);
}
function setHeader(map: i32, name: string, value: string): u32 {
  return host.proxy_replace_header_map_value(map, at(name), size(name), at(value), size(value));
}
function property(path: string): u32 {
  return host.proxy_get_property(at(path), size(path), out, out + 4);
}
function pairs(texts: string[]): ArrayBuffer {
  let bytes = 4 + texts.length * 5;
  for (let i = 0; i < texts.length; i++) bytes += size(texts[i]);
  const encoded = new ArrayBuffer(bytes);
  const start = changetype<usize>(encoded);
  store<u32>(start, texts.length / 2);
  let to = start + 4 + texts.length * 4;
  for (let i = 0; i < texts.length; i++) {
    store<u32>(start + 4 + i * 4, size(texts[i]));
    memory.copy(to, at(texts[i]), size(texts[i]));
    to += size(texts[i]) + 1;
  }
  return encoded;
}
export function proxy_on_configure(root: u32, bytes: u32): u32 {
  mode = buffer(7, 0, bytes);
  return mode === "refuse" ? 0 : 1;
}
`;

/** Compiles a probe: AssemblyScript that follows the prelude. */
export async function compileProbe(source: string): Promise<WebAssembly.Module> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const options = ["probe.ts", "--outFile", "probe.wasm", "--runtime", "stub", "--use", "abort="];
  const { error, stderr } = await asc.main([...options, "--optimizeLevel", "0"], {
    readFile: (name) => (name === "probe.ts" ? PRELUDE + source : readIfThere(name)),
    writeFile: (name, contents) => {
      if (name === "probe.wasm") {
        wasm = Uint8Array.from(contents as Uint8Array);
      }
    },
    listFiles: () => [],
  });
  if (error || !wasm) {
    throw new Error(`the probe does not compile: ${stderr.toString()}`, { cause: error });
  }
  return new WebAssembly.Module(wasm);
}

function readIfThere(path: string): string | null {
  // The project's own settings are for the filter, and name it as an entry.
  if (path.endsWith("asconfig.json")) {
    return null;
  }
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
