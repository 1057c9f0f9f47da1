// npm start: arguments, environment and exit codes. `gateway.ts` does the work.

import closeWithGrace from "close-with-grace";
import { Gateway } from "./gateway.ts";
import { eventText, exampleText, readyText } from "./messages.ts";
import { type Options, readOptions } from "./options.ts";
import { parentOf } from "./port-holder.ts";
import { untilAnswered } from "./serving.ts";
import { StartError } from "./start-error.ts";

/** Longer than the slowest orderly stop; after it the watchdog ends what is left. */
const STOP_MAX_MS = 20_000;
const PARENT_CHECK_MS = 500;

// A terminal that is closed takes its user's ear with it, not the orderly stop.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (typeof options === "string") console.log(options);
  else await launch(options);
} catch (error) {
  // What is not a StartError is a defect of ours, and its stack is what helps.
  console.error(error instanceof StartError ? `error: ${error.message}` : error);
  process.exit(1);
}

async function launch(options: Options): Promise<void> {
  const calledOff = new AbortController();
  const { signal } = calledOff;
  const gateway = new Gateway({
    options,
    environment: process.env,
    launch: { say: (line) => console.error(line), signal },
    onEvent: (event) => console.error(eventText(event)),
  });
  const starting = gateway.start();
  closeWithGrace({ delay: STOP_MAX_MS, skip: ["beforeExit"] }, async ({ err }) => {
    if (err) console.error(err);
    console.error("Stopping");
    calledOff.abort();
    await gateway.stop();
    // What was being built or fetched has to be put away.
    await Promise.allSettled([starting]);
  });
  stopWithNpm(signal);
  try {
    const ready = await starting;
    console.log(readyText(ready, options));
    if (!ready.example) await showExampleLater(ready.url, options, signal);
  } catch (error) {
    // The user called it off: the handler above stops the parts and ends the process.
    if (signal.aborted) return;
    await gateway.stop();
    throw error;
  }
}

async function showExampleLater(url: string, options: Options, signal: AbortSignal): Promise<void> {
  const path = await untilAnswered(options, signal);
  console.log(`A model server answers.\n\n${exampleText(url, path, options)}`);
}

/**
 * npm runs this in a shell and signals that shell only, so the sign to stop is that the shell, or
 * npm above it, is gone.
 */
function stopWithNpm(calledOff: AbortSignal): void {
  if (process.env["npm_lifecycle_event"] !== "start") return;
  const shell = process.ppid;
  const npm = parentOf(shell);
  const timer = setInterval(() => {
    const isOrphan = process.ppid !== shell || parentOf(shell) !== npm;
    if (isOrphan) process.kill(process.pid, "SIGTERM");
  }, PARENT_CHECK_MS);
  timer.unref();
  // A second signal would cut the orderly stop short.
  calledOff.addEventListener("abort", () => clearInterval(timer));
}
