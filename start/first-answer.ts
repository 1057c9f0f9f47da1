// The proof that a gateway serves: one request through it, answered by a model server.

import { setTimeout as sleep } from "node:timers/promises";
import { type Launch, withProgress } from "./launch.ts";
import { SIMULATED_MODEL } from "./parts.ts";
import { StartError } from "./start-error.ts";

export interface FirstAnswer {
  /** The first model that the gateway lists. */
  model: string;
}

const POLL_MS = 100;
const TIMEOUT_MS = 5_000;
/** Simulated model servers are there at once. Real ones may load their model for an hour. */
const SIMULATED_WAIT_MAX_MS = 30_000;

/**
 * Asks for the models until a model server answers. Throws StartError when simulated ones do not,
 * and the signal's reason when it is aborted.
 */
export async function firstAnswer(
  url: string,
  isSimulated: boolean,
  launch: Launch,
): Promise<FirstAnswer> {
  const giveUpMs = performance.now() + (isSimulated ? SIMULATED_WAIT_MAX_MS : Infinity);
  return withProgress(launch, `Waiting for a model server to answer at ${url}`, async () => {
    while (true) {
      launch.signal.throwIfAborted();
      const answer = await ask(url);
      if (typeof answer !== "string") return answer;
      if (performance.now() > giveUpMs) {
        throw new StartError(
          `${url}/v1/models is not answered by a model server: ${answer}.`,
          "Look at the control plane's /status for what it knows of each endpoint.",
        );
      }
      await sleep(POLL_MS);
    }
  });
}

/** The answer, or why there is none. */
async function ask(url: string): Promise<FirstAnswer | string> {
  try {
    const response = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    // A model server that wants a key answers 401, and has answered.
    if (response.status >= 500) return `status ${response.status}, ${text.slice(0, 200)}`;
    return { model: firstModel(text) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function firstModel(text: string): string {
  try {
    return String(JSON.parse(text).data[0].id);
  } catch {
    return SIMULATED_MODEL;
  }
}
