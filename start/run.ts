// Runs a program to its end.

import { spawn } from "node:child_process";

const OUTPUT_CHARACTERS_MAX = 4_000;

/** Resolves when the program exits with 0; else throws an Error with the end of what it printed. */
export async function run(command: string, args: string[], signal: AbortSignal): Promise<void> {
  const child = spawn(command, args, { signal, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const code = await new Promise<number | string | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, endedBy) => resolve(exitCode ?? endedBy));
  });
  if (code !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${code}\n${output}`);
}
