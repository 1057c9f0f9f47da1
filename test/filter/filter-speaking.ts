// The filter as it would be with other protocol versions, for tests of what two releases agree on.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** As in asconfig.json, with less optimisation. */
const OPTIONS = [
  ...["--runtime", "stub", "--enable", "simd", "--initialMemory", "1024", "--noAssert", "-O1"],
  ...["--use", "abort=", "--use", "TRAPS=ASC_SHRINK_LEVEL"],
];

/** Compiles the filter with another range of versions in protocol/limits.ts. */
export async function filterSpeaking(
  versionMin: number,
  versionMax: number,
): Promise<WebAssembly.Module> {
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(["filter/index.ts", ...OPTIONS, "-o", "out.wasm"], {
    readFile: (path) => {
      if (!existsSync(ROOT + path)) return null;
      const text = readFileSync(ROOT + path, "utf8");
      return path.endsWith("protocol/limits.ts") ? respoken(text, versionMin, versionMax) : text;
    },
    writeFile: (path, contents) => {
      if (path === "out.wasm") wasm = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error || !wasm) throw new Error(`the filter does not compile: ${stderr.toString()}`);
  return new WebAssembly.Module(Uint8Array.from(wasm));
}

function respoken(limits: string, versionMin: number, versionMax: number): string {
  return limits
    .replace(/VERSION_MIN: u32 = \d+/, `VERSION_MIN: u32 = ${versionMin}`)
    .replace(/VERSION_MAX: u32 = \d+/, `VERSION_MAX: u32 = ${versionMax}`);
}
