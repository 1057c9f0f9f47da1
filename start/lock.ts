// One process at a time, over all processes of this machine.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Launch, withProgress } from "./launch.ts";
import { StartError, unwritable } from "./start-error.ts";

const POLL_MS = 100;
const WAIT_MAX_MS = 10 * 60_000;

/**
 * Runs `work` while holding the lock file at `path`. Waits for a living holder; the lock of a dead
 * one is taken over. Two that find a dead one at once may both go on, so `work` ends in a rename.
 * Throws StartError when the file cannot be written.
 */
export async function withLock<T>(
  path: string,
  launch: Launch,
  work: () => Promise<T>,
): Promise<T> {
  makeFolder(dirname(path));
  if (!lockOrTakeOver(path)) {
    const what = `Waiting for another start, which holds ${path}`;
    await withProgress(launch, what, () => untilLocked(path, launch.signal));
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

async function untilLocked(path: string, signal: AbortSignal): Promise<void> {
  const giveUpMs = performance.now() + WAIT_MAX_MS;
  while (!lockOrTakeOver(path)) {
    signal.throwIfAborted();
    if (performance.now() > giveUpMs) {
      throw new StartError(`${path} has been held for 10 minutes.`, "Delete that file.");
    }
    await sleep(POLL_MS);
  }
}

function lockOrTakeOver(path: string): boolean {
  if (tryLock(path)) return true;
  if (!holderIsDead(path)) return false;
  rmSync(path, { force: true });
  return tryLock(path);
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw unwritable(path, REMEDY, error);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw unwritable(folder, REMEDY, error);
  }
}

const REMEDY = "Make the folder it is in writable, or free space on its disk.";

function holderIsDead(path: string): boolean {
  try {
    const holder = Number(readFileSync(path, "utf8"));
    // Between its creation and its text the file is empty: its holder is alive.
    if (!holder) return false;
    process.kill(holder, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
