// The official `openai` package for Python, fetched once into the project's cache.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "../../start/cache-folder.ts";
import { withLock } from "../../start/lock.ts";
import { run } from "../../start/run.ts";
import { LAUNCH } from "./launch.ts";

const PACKAGE = "openai==3.54.0";
const PIP_OPTIONS = ["--disable-pip-version-check", "--quiet"];
/**
 * Runs a Python script that may import `openai`; resolves to what it printed. Throws an Error with
 * the script's last words when it fails, or with the remedy when the package cannot be installed.
 */
export async function runPython(script: string, args: string[]): Promise<string> {
  const path = await packageFolder();
  const { stdout } = await promisify(execFile)("python3", [script, ...args], {
    env: { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: "1" },
    timeout: 30_000,
  });
  return stdout;
}

/** Holds compiled modules, so each version of Python has its own. */
async function packageFolder(): Promise<string> {
  const version = "import sys; print('%d.%d' % sys.version_info[:2])";
  const { stdout } = await promisify(execFile)("python3", ["-c", version]);
  const name = `${PACKAGE.replace("==", "-")}-python-${stdout.trim()}`;
  const folder = join(cacheFolder(process.env), name);
  await withLock(`${folder}.lock`, LAUNCH, async () => {
    if (!existsSync(folder)) await install(folder);
  });
  return folder;
}

/** Installs beside the folder and renames, so that it is whole or absent. */
async function install(folder: string): Promise<void> {
  const unfinished = mkdtempSync(`${folder}.`);
  const failures: string[] = [];
  try {
    for (const way of [pipOfMachine, pipOfEnvironment]) {
      try {
        const python = await way(unfinished);
        const packages = join(unfinished, "packages");
        const args = ["-m", "pip", "install", ...PIP_OPTIONS, "--target", packages, PACKAGE];
        await run(python, args, LAUNCH.signal);
        return renameSync(packages, folder);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  throw new Error(
    `${PACKAGE} could not be installed. Install Python 3 with pip (apt-get install python3-pip ` +
      `python3-venv) and see that pip reaches a package index.\n${failures.join("\n")}`,
  );
}

async function pipOfMachine(): Promise<string> {
  return "python3";
}

async function pipOfEnvironment(folder: string): Promise<string> {
  const environment = join(folder, "environment");
  await run("python3", ["-m", "venv", environment], LAUNCH.signal);
  return join(environment, "bin", "python3");
}
