// Compiles the filter when it is missing or older than what it is made of.

import { globSync, renameSync, statSync } from "node:fs";
import { basename } from "node:path";
import { type Launch, withProgress } from "./launch.ts";
import { withLock } from "./lock.ts";
import { projectPath } from "./project.ts";
import { run } from "./run.ts";
import { StartError } from "./start-error.ts";

/** `trap` is a test build that can be made to trap. Both are targets of asconfig.json. */
export type FilterTarget = "release" | "trap";

const OUTPUT = { release: "filter.wasm", trap: "filter-trap.wasm" };

/** The path of an up-to-date filter. Throws StartError with the compiler's words when it fails. */
export async function buildFilter(
  launch: Launch,
  target: FilterTarget = "release",
): Promise<string> {
  const output = projectPath("build", OUTPUT[target]);
  const isUpToDate = () => modifiedMs(output) > newestSourceMs();
  if (isUpToDate()) return output;
  await withLock(`${output}.lock`, launch, async () => {
    // Another start may have built it while this one waited for the lock.
    if (isUpToDate()) return;
    await withProgress(launch, `Building ${basename(output)}`, () =>
      compile(target, output, launch.signal),
    );
  });
  return output;
}

async function compile(target: FilterTarget, output: string, signal: AbortSignal): Promise<void> {
  const unfinished = `${output}.unfinished`;
  const asc = projectPath("node_modules", "assemblyscript", "bin", "asc.js");
  const flags = ["filter/index.ts", "--baseDir", projectPath(), "--target", target];
  try {
    await run(process.execPath, [asc, ...flags, "--outFile", unfinished], signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new StartError(
      `The filter could not be built: ${error instanceof Error ? error.message : error}`,
      "Run `npm install` if a package is missing; else mend the source that the compiler names.",
      error,
    );
  }
  // A rename, so that an Envoy that starts meanwhile reads one whole file.
  renameSync(unfinished, output);
}

function newestSourceMs(): number {
  const sources = globSync(["{filter,protocol}/**/*.ts", "asconfig.json"], { cwd: projectPath() });
  return Math.max(...sources.map((source) => modifiedMs(projectPath(source))));
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
