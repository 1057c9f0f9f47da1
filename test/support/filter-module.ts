import { readFileSync } from "node:fs";

const modules = new Map<string, WebAssembly.Module>();

/** The filter that ships, as `npm run build` makes it. Compiled by V8 once a process. */
export function filterModule(): WebAssembly.Module {
  return loadModule("build/filter.wasm");
}

function loadModule(path: string): WebAssembly.Module {
  let module = modules.get(path);
  if (!module) {
    module = new WebAssembly.Module(readWasm(path));
    modules.set(path, module);
  }
  return module;
}

function readWasm(path: string): Uint8Array<ArrayBuffer> {
  const url = new URL(`../../${path}`, import.meta.url);
  try {
    return Uint8Array.from(readFileSync(url));
  } catch (cause) {
    // The global setup removes what it could not build again, so that no test runs a stale filter.
    const remedy = "`npm run build && npm run build:trap` shows why the filter does not compile";
    throw new Error(`${path} is missing: ${remedy}`, { cause });
  }
}
