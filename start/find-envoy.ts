// Where the Envoy binary is. It is fetched on the first start when the machine has none.

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { cacheFolder } from "./cache-folder.ts";
import { ENVOY_VERSION, fetchEnvoy } from "./fetch-envoy.ts";
import { type Launch, withProgress } from "./launch.ts";
import { withLock } from "./lock.ts";
import type { Environment } from "./options.ts";
import { StartError } from "./start-error.ts";

/**
 * The path of an Envoy: $ENVOY_BIN, `envoy` on PATH, the project's cache, or fetched into it.
 * Throws StartError when there is none and none can be fetched.
 */
export async function findEnvoy(environment: Environment, launch: Launch): Promise<string> {
  const chosen = environment["ENVOY_BIN"];
  if (chosen) return requireExecutable(chosen);
  const onPath = (environment["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "envoy"))
    .find(isExecutable);
  return onPath ?? cachedEnvoy(cacheFolder(environment), launch);
}

async function cachedEnvoy(folder: string, launch: Launch): Promise<string> {
  const binary = join(folder, `envoy-${ENVOY_VERSION}`);
  if (isExecutable(binary)) return binary;
  await withLock(join(folder, "envoy.lock"), launch, async () => {
    // Another start may have fetched it while this one waited for the lock.
    if (isExecutable(binary)) return;
    await withProgress(launch, `Fetching Envoy ${ENVOY_VERSION} (37 MB, once)`, () =>
      fetchEnvoy(binary, launch.signal),
    );
  });
  return binary;
}

function requireExecutable(path: string): string {
  if (isExecutable(path)) return path;
  throw new StartError(
    `ENVOY_BIN is ${path}, which is not an executable file.`,
    "Set it to the path of an Envoy binary, or unset it to have one found or fetched.",
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
