// AssemblyScript of a bench's own, compiled with the settings that the filter ships with.

import { existsSync, readFileSync } from "node:fs";
import asc from "assemblyscript/asc";
import { projectPath } from "../../start/project.ts";

const ENTRY = "bench-entry.ts";
const OUTPUT = "bench-entry.wasm";

/** Makes another text of a source. */
export type Change = (path: string, text: string) => string;

/** The module of an entry that may import the filter's files as `./filter/…`, changed or as they are. */
export async function compiled(
  source: string,
  change: Change = (_, text) => text,
): Promise<Uint8Array<ArrayBuffer>> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main([ENTRY, "--outFile", OUTPUT, ...shippedFlags()], {
    readFile: (path) => (path === ENTRY ? source : changed(path, change)),
    writeFile: (path, contents) => {
      if (path === OUTPUT) wasm = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error || !wasm) throw new Error(`the bench's entry does not compile: ${stderr.toString()}`);
  return wasm;
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

function changed(path: string, change: Change): string | null {
  const file = projectPath(path);
  if (path.endsWith("asconfig.json") || !existsSync(file)) return null;
  return change(path, readFileSync(file, "utf8"));
}
