// Runs a program to its end.

import { spawn } from "node:child_process";

const OUTPUT_CHARACTERS_MAX = 4_000;

/**
 * Resolves when the program exits with 0; else throws an Error with the end of what it printed.
 * Aborted, it ends the program and all that the program started, and throws when that is done.
 */
export async function run(command: string, args: string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // A process group of its own, so that it can be ended whole.
  const child = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const endGroup = () => endProcessGroup(child.pid);
  signal.addEventListener("abort", endGroup);
  let failure: Error | undefined;
  child.on("error", (error) => {
    failure = error;
  });
  const code = await new Promise<number | string | null>((resolve) => {
    child.on("close", (exitCode, endedBy) => resolve(exitCode ?? endedBy));
  });
  signal.removeEventListener("abort", endGroup);
  signal.throwIfAborted();
  if (failure) throw failure;
  if (code !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${code}\n${output}`);
}

function endProcessGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGTERM");
  } catch (error) {
    // It has ended by itself just before.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
