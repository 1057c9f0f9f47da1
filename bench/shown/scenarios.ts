// Four behaviours of a running gateway, as a client sees them.

import { setTimeout as sleep } from "node:timers/promises";
import { bytesOfBlocks } from "../../protocol/keys.ts";
import {
  type Answer,
  ask,
  candidateOf,
  chat,
  type Message,
  prose,
} from "../../test/support/asking.ts";

/** 4,000 tokens. */
const SHARED_PROMPT_BYTES = 16_000;

export interface Conversation {
  endpoints: Set<string>;
  promptTokens: number;
  cachedTokens: number;
}

/** A conversation whose turns come one after the other, each on a connection of its own. */
export async function conversation(url: string, turns: number): Promise<Conversation> {
  const messages: Message[] = [{ role: "system", content: prose("conversation", 3_000) }];
  const seen: Conversation = { endpoints: new Set(), promptTokens: 0, cachedTokens: 0 };
  for (let turn = 0; turn < turns; turn++) {
    messages.push({ role: "user", content: prose(`turn ${turn}`, 700) });
    const answer = await ask(url, chat(messages));
    const { usage } = JSON.parse(answer.text);
    seen.cachedTokens += usage.prompt_tokens_details.cached_tokens;
    seen.promptTokens += usage.prompt_tokens;
    seen.endpoints.add(answer.endpoint);
    messages.push({ role: "assistant", content: prose(`answer ${turn}`, 300) });
  }
  return seen;
}

export interface Crowd {
  /** Users at the same time. */
  width: number;
  users: number;
  /** Of each answer. */
  tokens: number;
}

export interface Spread {
  failed: number;
  /** Requests that went to an endpoint believed to hold some of their prompt. */
  hits: number;
  /** Requests that each endpoint served, the most first. */
  served: number[];
  /** In flight on each endpoint in the mean while the crowd was whole, the most first. */
  inFlight: number[];
  /** In flight on the busiest endpoint over the mean of all, at moments 10 ms apart. */
  ratios: number[];
}

/** Each user asks something short of the same system prompt. */
export function sharedPrompt(url: string, endpoints: number, crowd: Crowd): Promise<Spread> {
  const system: Message = {
    role: "system",
    content: prose(`shared by ${crowd.width}`, SHARED_PROMPT_BYTES),
  };
  return spreadOf(url, endpoints, crowd, (user) => [
    system,
    { role: "user", content: prose(`user ${user}`, 400) },
  ]);
}

/** All ask nearly the same. */
export function hotPrompt(url: string, endpoints: number, crowd: Crowd): Promise<Spread> {
  const hot: Message = { role: "user", content: prose("hot", SHARED_PROMPT_BYTES) };
  return spreadOf(url, endpoints, crowd, (user) => [
    hot,
    { role: "user", content: `question ${user}` },
  ]);
}

interface Timed {
  answer: Answer;
  startMs: number;
  endMs: number;
}

async function spreadOf(
  url: string,
  endpoints: number,
  { width, users, tokens }: Crowd,
  messagesOf: (user: number) => Message[],
): Promise<Spread> {
  const timed = await inParallel(users, width, async (user) => {
    const startMs = performance.now();
    const answer = await ask(url, chat(messagesOf(user), tokens));
    return { answer, startMs, endMs: performance.now() };
  });
  const answers = timed.map(({ answer }) => answer);
  const loads = inFlightOver(timed, endpoints, width);
  const sums = loads.reduce(
    (sum, load) => sum.map((value, at) => value + (load[at] ?? 0)),
    Array.from({ length: endpoints }, () => 0),
  );
  return {
    failed: answers.filter(({ status }) => status !== 200).length,
    hits: answers.filter((answer) => candidateOf(answer, answer.endpoint)?.matchedKeys).length,
    served: servedBy(answers).sort((a, b) => b - a),
    inFlight: sums.map((sum) => sum / loads.length).sort((a, b) => b - a),
    ratios: loads.map((load) => Math.max(...load) / (load.reduce((a, b) => a + b) / endpoints)),
  };
}

function servedBy(answers: Answer[]): number[] {
  return [...Map.groupBy(answers, ({ endpoint }) => endpoint).values()].map(({ length }) => length);
}

const SAMPLE_MS = 10;

/**
 * What was in flight on each endpoint, at moments a sample apart, from the time when the first ones
 * have been answered to the time when no more begin. Not at the picks: those come when a step of
 * one endpoint has ended many requests at once, the moment of least balance.
 */
function inFlightOver(timed: Timed[], endpoints: number, width: number): number[][] {
  const byStart = timed.map(({ startMs }) => startMs).sort((a, b) => a - b);
  const fromMs = byStart[Math.min(2 * width, byStart.length >> 1)] ?? 0;
  const toMs = byStart.at(-1) ?? 0;
  const names = [...new Set(timed.map(({ answer }) => answer.endpoint))];
  const loads: number[][] = [];
  for (let atMs = fromMs; atMs < toMs; atMs += SAMPLE_MS) {
    const load = Array.from({ length: endpoints }, () => 0);
    for (const { answer, startMs, endMs } of timed) {
      const at = names.indexOf(answer.endpoint);
      if (startMs <= atMs && atMs < endMs) load[at] = (load[at] ?? 0) + 1;
    }
    loads.push(load);
  }
  return loads;
}

const LOOKS = 8;
const LOOK_PAUSE_MS = 40;

/**
 * What one gateway has picked is asked of another; milliseconds, the asking included. To ask is to
 * pick, so each look asks for one key more than the last: none finds what looks have taught alone.
 */
export async function learnedBySecond(
  first: string,
  second: string,
  trials: number,
): Promise<number[]> {
  const waitsMs: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const picked = await ask(first, chat(promptOfTrial(trial, LOOKS), 1));
    const answeredMs = performance.now();
    let waitMs = Number.POSITIVE_INFINITY;
    for (let keys = 1; keys <= LOOKS && waitMs === Number.POSITIVE_INFINITY; keys++) {
      const answer = await ask(second, chat(promptOfTrial(trial, keys), 1));
      const matched = candidateOf(answer, picked.endpoint)?.matchedKeys ?? 0;
      if (matched >= keys) waitMs = performance.now() - answeredMs;
      else await sleep(LOOK_PAUSE_MS);
    }
    waitsMs.push(waitMs);
  }
  return waitsMs;
}

/** Half a block longer than its keys. */
function promptOfTrial(trial: number, keys: number): Message[] {
  return [{ role: "user", content: prose(`trial ${trial}`, bytesOfBlocks(keys, 1024) + 512) }];
}

async function inParallel<T>(count: number, width: number, work: (index: number) => Promise<T>) {
  const results: T[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
