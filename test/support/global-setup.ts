import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ASC = "node_modules/assemblyscript/bin/asc.js";
/** What the filter is made of; a change of any of it makes a build stale. */
const SOURCES = ["filter/**/*.ts", "protocol/**/*.ts", "asconfig.json", "package-lock.json"];
const TARGETS = [
  { target: "release", wasm: "build/filter.wasm" },
  { target: "trap", wasm: "build/filter-trap.wasm" },
];

/** Compiles the filter before the tests, if its sources are newer than what was built of them. */
export default function setup(): void {
  if (!existsSync(`${ROOT}/filter/index.ts`)) {
    console.warn("filter/index.ts is not there: tests of the filter will fail");
    return;
  }
  const changedAtMs = Math.max(...globSync(SOURCES, { cwd: ROOT }).map(modifiedAtMs));
  for (const { target, wasm } of TARGETS) {
    if (modifiedAtMs(wasm) < changedAtMs) {
      build(target, wasm);
    }
  }
}

function modifiedAtMs(path: string): number {
  return statSync(`${ROOT}/${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Builds beside the old file and renames, so that other tests never read half of it. */
function build(target: string, wasm: string): void {
  const fresh = `build/${target}-${process.pid}.wasm`;
  const options = ["--target", target, "--outFile", fresh];
  mkdirSync(`${ROOT}/build`, { recursive: true });
  const run = spawnSync(process.execPath, [ASC, "filter/index.ts", ...options], {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (run.status === 0) {
    renameSync(`${ROOT}/${fresh}`, `${ROOT}/${wasm}`);
    return;
  }
  rmSync(`${ROOT}/${fresh}`, { force: true });
  rmSync(`${ROOT}/${wasm}`, { force: true });
  console.error(`${wasm} does not compile, tests that need it will fail:\n${run.stderr}`);
}
