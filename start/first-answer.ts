// The proof that a gateway serves: requests through it, answered by a model server that its filter
// picked, or with several pools by the filter itself, which has the models that their servers told.

import { once } from "node:events";
import http from "node:http";
import { text as readText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type Launch, withProgress } from "./launch.ts";
import { SIMULATED_MODEL } from "./parts.ts";

/** The first model that the gateway lists, or why no model server has answered. */
export type FirstAnswer = { model: string } | { obstacles: string[] };

export interface AnswerWait {
  launch: Launch;
  waitMaxMs: number;
  /** Between two tries; 100 ms by default. */
  pollMs?: number;
  /** Whether a filter picks, so that each worker needs its hints first; true by default. */
  picks?: boolean;
  /** Why model servers cannot be used, where somebody knows more than the gateway's answer. */
  obstacles?: () => Promise<string[]>;
}

const POLL_MS = 100;
/** Each request has a connection of its own, so that every worker is very likely to get one. */
const REQUESTS = 8;
const TIMEOUT_MS = 5_000;

/**
 * Asks for the models until a model server answers, and, where a filter picks, until each worker has
 * the hints to do so, or the time is up. Throws the signal's reason when it is aborted.
 */
export async function firstAnswer(url: string, wait: AnswerWait): Promise<FirstAnswer> {
  const { launch, waitMaxMs, pollMs = POLL_MS, picks = true } = wait;
  const giveUpMs = performance.now() + waitMaxMs;
  let obstacles: string[] = [];
  const untilAnswered = async () => {
    while (true) {
      launch.signal.throwIfAborted();
      const answer = await askAll(url, picks, launch.signal);
      if (typeof answer !== "string") return answer;
      const known = (await wait.obstacles?.()) ?? [];
      obstacles = known.length > 0 ? known : [`${url}/v1/models: ${answer}`];
      if (performance.now() > giveUpMs) return { obstacles };
      await sleep(pollMs);
    }
  };
  const what = `Waiting for a model server to answer at ${url}`;
  return withProgress(launch, what, untilAnswered, () => obstacles.join(" "));
}

async function askAll(
  url: string,
  picks: boolean,
  signal: AbortSignal,
): Promise<{ model: string } | string> {
  let answer: { model: string } | string = "not asked";
  for (let request = 0; request < REQUESTS; request++) {
    answer = await ask(url, picks, signal);
    if (typeof answer === "string") break;
  }
  return answer;
}

/** The answer, or why there is none. */
async function ask(
  url: string,
  picks: boolean,
  signal: AbortSignal,
): Promise<{ model: string } | string> {
  try {
    const { status, headers, text } = await get(`${url}/v1/models`, signal);
    // A model server that wants a key answers 401, and has answered.
    if (status >= 500) return `status ${status}, ${text.slice(0, 200)}`;
    const [first] = modelsIn(text);
    if (picks && !headers["x-hintway-endpoint"] && first?.owned_by !== OWN_LIST) {
      return "a worker has no hints yet, or no model of any pool";
    }
    return { model: first?.id ?? SIMULATED_MODEL };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function get(url: string, signal: AbortSignal) {
  const request = http.get(url, {
    agent: false,
    headers: { "x-hintway-explain": "1" },
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const text = await readText(response);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Who owns the models of a list that the filter has answered with. */
const OWN_LIST = "hintway";

interface ModelCard {
  id?: string;
  owned_by?: string;
}

function modelsIn(text: string): ModelCard[] {
  try {
    const { data } = JSON.parse(text) as { data?: ModelCard[] };
    return Array.isArray(data) ? data : [];
  } catch {
    return [];
  }
}
