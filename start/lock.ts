// One process at a time, over all processes of this machine.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "./start-error.ts";

const POLL_MS = 100;
const WAIT_MAX_MS = 10 * 60_000;

/**
 * Runs `work` while holding the lock file at `path`. Waits for a living holder; the lock of a dead
 * one is taken over. Two that find a dead one at once may both go on, so `work` ends in a rename.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const giveUpMs = performance.now() + WAIT_MAX_MS;
  while (!tryLock(path)) {
    if (performance.now() > giveUpMs) {
      throw new StartError(`${path} has been held for 10 minutes.`, "Delete that file.");
    }
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (holderIsDead(path)) rmSync(path, { force: true });
  return false;
}

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
