import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** What the probes below may be made of. */
const SOURCES = [
  "filter/json/*.ts",
  "filter/request/{body-edits,keys*,prompt*,response-edits,usage*}.ts",
  "filter/text-buffer.ts",
  "protocol/*.ts",
];

/** Memory for the text that a probe reads, after which `extra` follows. */
const PRELUDE = `
let capacity: u32 = 0;
let start: usize = 0;
export function room(bytes: u32): usize {
  if (bytes > capacity) {
    capacity = bytes;
    start = heap.alloc(bytes);
  }
  return start;
}
export function mark(): usize { return heap.alloc(0); }
`;

/**
 * Compiles AssemblyScript that imports from filter/ and protocol/, as the filter is compiled. The
 * result is kept under build/ as long as none of the sources changes.
 */
export async function compileProbe(name: string, source: string): Promise<WebAssembly.Module> {
  const wasmPath = `${ROOT}build/probe-${name}.wasm`;
  const stampPath = `${wasmPath}.sha256`;
  const stamp = stampOf(source);
  if (!existsSync(stampPath) || readFileSync(stampPath, "utf8") !== stamp) {
    const fresh = `${wasmPath}.${process.pid}`;
    mkdirSync(`${ROOT}build`, { recursive: true });
    writeFileSync(fresh, await compile(PRELUDE + source));
    renameSync(fresh, wasmPath);
    writeFileSync(stampPath, stamp);
  }
  return new WebAssembly.Module(Uint8Array.from(readFileSync(wasmPath)));
}

function stampOf(source: string): string {
  const hash = createHash("sha256").update(PRELUDE).update(source);
  for (const path of globSync(SOURCES, { cwd: ROOT }).sort()) {
    hash.update(path).update(readFileSync(ROOT + path));
  }
  return hash.digest("hex");
}

async function compile(source: string): Promise<Uint8Array> {
  let wasm: Uint8Array | undefined;
  const options = ["--runtime", "stub", "--enable", "simd", "--use", "abort=", "--noAssert", "-O3"];
  const { error, stderr } = await asc.main(["probe.ts", "--outFile", "probe.wasm", ...options], {
    readFile: (path) => (path === "probe.ts" ? source : readIfThere(path)),
    writeFile: (path, contents) => {
      if (path === "probe.wasm") wasm = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error || !wasm) {
    throw new Error(`the probe does not compile: ${stderr.toString()}`, { cause: error });
  }
  return wasm;
}

function readIfThere(path: string): string | null {
  // The project's own settings are for the filter, and name it as an entry.
  const file = ROOT + path;
  return path.endsWith("asconfig.json") || !existsSync(file) ? null : readFileSync(file, "utf8");
}

interface Common {
  room(bytes: number): number;
  mark(): number;
  memory: WebAssembly.Memory;
}

/** An instance of a probe, and the text that it reads. */
export class Probe<Exports> {
  readonly exports: Exports & Common;

  constructor(module: WebAssembly.Module) {
    const instance = new WebAssembly.Instance(module, {});
    this.exports = instance.exports as typeof this.exports;
  }

  /** Puts bytes where the probe can read them; answers the address. */
  put(bytes: Uint8Array): number {
    const start = this.exports.room(Math.max(bytes.length, 1));
    new Uint8Array(this.exports.memory.buffer).set(bytes, start);
    return start;
  }

  /** Puts bytes and calls `read` with the address and size of each piece of them, in order. */
  putInPieces(
    bytes: Uint8Array,
    pieceBytes: number,
    read: (start: number, bytes: number) => void,
  ): void {
    const start = this.put(bytes);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      read(start + at, Math.min(pieceBytes, bytes.length - at));
    }
  }

  view(): DataView {
    return new DataView(this.exports.memory.buffer);
  }

  memoryBytes(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /** Bytes that `use` allocates. Nothing is ever freed. */
  allocatedBytes(use: () => void): number {
    const [first, second] = [this.exports.mark(), this.exports.mark()];
    use();
    return this.exports.mark() - second - (second - first);
  }
}
