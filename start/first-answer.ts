// The proof that a gateway serves: requests through it, answered by a model server that its filter
// picked.

import { once } from "node:events";
import http from "node:http";
import { text as readText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type Launch, withProgress } from "./launch.ts";
import { SIMULATED_MODEL } from "./parts.ts";
import { StartError } from "./start-error.ts";

export interface FirstAnswer {
  /** The first model that the gateway lists. */
  model: string;
}

const POLL_MS = 100;
/** Each request has a connection of its own, so that every worker is very likely to get one. */
const REQUESTS = 8;
const TIMEOUT_MS = 5_000;
/** Simulated model servers are there at once. Real ones may load their model for an hour. */
const SIMULATED_WAIT_MAX_MS = 30_000;

/**
 * Asks for the models until a model server answers, and, where a filter picks, until each worker has
 * the hints to do so. Throws StartError when simulated ones do not,
 * and the signal's reason when it is aborted.
 */
export async function firstAnswer(
  url: string,
  isSimulated: boolean,
  launch: Launch,
  picks = true,
): Promise<FirstAnswer> {
  const giveUpMs = performance.now() + (isSimulated ? SIMULATED_WAIT_MAX_MS : Infinity);
  return withProgress(launch, `Waiting for a model server to answer at ${url}`, async () => {
    while (true) {
      launch.signal.throwIfAborted();
      const answer = await askAll(url, picks);
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

async function askAll(url: string, picks: boolean): Promise<FirstAnswer | string> {
  let answer: FirstAnswer | string = "not asked";
  for (let request = 0; request < REQUESTS; request++) {
    answer = await ask(url, picks);
    if (typeof answer === "string") break;
  }
  return answer;
}

/** The answer, or why there is none. */
async function ask(url: string, picks: boolean): Promise<FirstAnswer | string> {
  try {
    const { status, headers, text } = await get(`${url}/v1/models`);
    // A model server that wants a key answers 401, and has answered.
    if (status >= 500) return `status ${status}, ${text.slice(0, 200)}`;
    if (picks && !headers["x-hintway-endpoint"]) return "a worker has no hints yet";
    return { model: firstModel(text) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function get(url: string) {
  const request = http.get(url, {
    agent: false,
    headers: { "x-hintway-explain": "1" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const text = await readText(response);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

function firstModel(text: string): string {
  try {
    return String(JSON.parse(text).data[0].id);
  } catch {
    return SIMULATED_MODEL;
  }
}
