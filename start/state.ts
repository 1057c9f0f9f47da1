// What one gateway keeps on disk: the token of this start, Envoy's bootstrap, the last known state.

import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LastKnown } from "../envoy/bootstrap.ts";
import { unwritable } from "./start-error.ts";

/** Makes the folder, readable by this user only. Throws StartError when it cannot be written. */
export function makeStateDir(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(`The state folder ${folder}`, REMEDY, error);
  }
  // Not empty: a full disk takes empty files.
  writePrivate(join(folder, "writable"), "yes\n");
}

const REMEDY =
  "Free space on its disk, or choose another state folder with `npm start -- --state-dir FOLDER` " +
  "or HINTWAY_STATE_DIR.";

/** A bearer token for one start of the gateway, and the file it is in. */
export function writeToken(stateDir: string): { token: string; path: string } {
  const token = randomBytes(32).toString("hex");
  const path = join(stateDir, "token");
  writePrivate(path, token);
  return { token, path };
}

/**
 * What the control plane last knew, for an Envoy that starts without it; undefined when there is
 * nothing to read. Written by the control plane as
 * `{ "clusters": [Cluster of type STATIC, …], "hints": "base64" }`.
 */
export function readLastKnown(stateDir: string): LastKnown | undefined {
  try {
    const read = JSON.parse(readFileSync(join(stateDir, "last-known.json"), "utf8"));
    const isWhole = Array.isArray(read?.clusters) && typeof read?.hints === "string";
    return isWhole ? { clusters: read.clusters, hints: read.hints } : undefined;
  } catch {
    // Absent on a first start. An unreadable one must not keep Envoy from starting.
    return undefined;
  }
}

/** Writes the file whole or not at all, for this user only. Throws StartError when it cannot. */
export function writePrivate(path: string, text: string): void {
  try {
    writeFileSync(`${path}.unfinished`, text, { mode: 0o600 });
    // The mode above is not applied to a file left by an interrupted start.
    chmodSync(`${path}.unfinished`, 0o600);
    renameSync(`${path}.unfinished`, path);
  } catch (error) {
    throw unwritable(path, REMEDY, error);
  }
}
