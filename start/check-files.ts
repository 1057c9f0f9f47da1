// Has the control plane look at the user's files before anything is started.

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { type ControlPlaneOptions, controlPlaneWords } from "./parts.ts";
import { StartError } from "./start-error.ts";

/** Throws StartError with the control plane's own words where it would refuse to start. */
export async function checkFiles(options: ControlPlaneOptions, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, [...controlPlaneWords(options), "--check"], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    signal,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const said = await text(child.stderr);
  if ((await ended) === 0) return;
  throw new StartError(said.trim().replace(/^error: /, ""), "Nothing has been started.");
}
