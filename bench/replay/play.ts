// Sends a trace's requests to gateways when they are due, and times the answers.

import { Agent, request } from "node:http";
import { SIMULATED_MODEL } from "../../start/parts.ts";
import { measureUsage } from "../measure/processor-time.ts";
import { quantile } from "../measure/quantiles.ts";
import { chatBodyOf } from "../quality/driven/prompts.ts";
import type { Trace, Turn } from "./trace.ts";

export interface Played {
  /** Answers that count: those after the first tenth. */
  requests: number;
  failures: number;
  /** Seconds of the trace's time. */
  firstMean: number;
  firstP90: number;
  wholeMean: number;
  /** From one token to the next, the mean of each answer's mean. */
  tokenMean: number;
  /** Share of prompt tokens found cached. */
  hit: number;
  /** How late requests were sent in the 99th percentile, in seconds of the trace's time. */
  lateP99: number;
  /** Share of all CPUs in use. */
  busy: number;
}

interface Answer {
  turn: Turn;
  isGood: boolean;
  lateMs: number;
  firstMs: number;
  wholeMs: number;
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
}

/** What the routing simulator leaves out too. */
const WARMING_SHARE = 0.1;
const BYTES_PER_TOKEN = 4;
/** The end of a stream, in which it tells its token counts. */
const TAIL_CHARACTERS = 1_000;

/** The trace's time passes `speed` times as fast as real time; gateways take turns. */
export async function play(trace: Trace, urls: readonly string[], speed: number): Promise<Played> {
  const agent = new Agent({ keepAlive: true });
  const endUsage = measureUsage({});
  const startMs = performance.now();
  const answers: Answer[] = [];
  const run = async (turn: Turn, dueMs: number): Promise<void> => {
    await untilMs(dueMs);
    const answer = await send(trace, turn, { url: urls[turn.id % urls.length]!, agent, dueMs });
    answers.push(answer);
    const { next } = turn;
    if (next) await run(next.turn, performance.now() + next.delayMs / speed);
  };
  const openings = trace.turns.filter(({ atMs }) => atMs !== undefined);
  await Promise.all(openings.map((turn) => run(turn, startMs + (turn.atMs ?? 0) / speed)));
  agent.destroy();
  return { ...summary(trace, answers, speed), busy: endUsage().othersShare };
}

function untilMs(dueMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, Math.max(0, dueMs - performance.now()));
  return promise;
}

interface Way {
  url: string;
  agent: Agent;
  dueMs: number;
}

function send(trace: Trace, turn: Turn, { url, agent, dueMs }: Way): Promise<Answer> {
  const body = chatBodyOf(
    {
      ...{ id: turn.id, tokens: turn.inputTokens, blocks: turn.blocks },
      ...{ blockTokens: trace.blockTokens, model: SIMULATED_MODEL },
      outputTokens: turn.outputTokens,
    },
    BYTES_PER_TOKEN,
  );
  const sentMs = performance.now();
  const answer: Answer = {
    ...{ turn, isGood: false, lateMs: sentMs - dueMs },
    ...{ firstMs: 0, wholeMs: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0 },
  };
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const outgoing = request(new URL("/v1/chat/completions", url), {
    ...{ method: "POST", agent },
    headers: { "content-type": "application/json", "content-length": body.length },
  });
  outgoing.on("error", () => resolve(answer));
  outgoing.on("response", (incoming) => {
    let tail = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (text: string) => {
      answer.firstMs ||= performance.now() - sentMs;
      tail = `${tail}${text}`.slice(-TAIL_CHARACTERS);
    });
    incoming.on("error", () => {});
    incoming.on("close", () => {
      answer.wholeMs = performance.now() - sentMs;
      answer.promptTokens = numberIn(tail, "prompt_tokens");
      answer.cachedTokens = numberIn(tail, "cached_tokens");
      answer.completionTokens = numberIn(tail, "completion_tokens");
      answer.isGood = incoming.statusCode === 200 && tail.includes("[DONE]");
      resolve(answer);
    });
  });
  outgoing.end(body);
  return promise;
}

function numberIn(text: string, member: string): number {
  return Number(new RegExp(`"${member}":(\\d+)`).exec(text)?.[1] ?? 0);
}

function summary(
  { turns }: Trace,
  answers: readonly Answer[],
  speed: number,
): Omit<Played, "busy"> {
  const good = answers.filter(({ isGood }) => isGood);
  const counted = good.filter(({ turn }) => turn.id >= WARMING_SHARE * turns.length);
  const seconds = (name: "firstMs" | "wholeMs" | "lateMs") =>
    counted.map((answer) => (answer[name] * speed) / 1000);
  const perToken = counted
    .filter(({ completionTokens }) => completionTokens > 1)
    .map(({ firstMs, wholeMs, completionTokens }) => (wholeMs - firstMs) / (completionTokens - 1));
  const sum = (name: "promptTokens" | "cachedTokens") =>
    counted.reduce((total, answer) => total + answer[name], 0);
  return {
    requests: counted.length,
    failures: turns.length - good.length,
    firstMean: meanOf(seconds("firstMs")),
    firstP90: quantile(seconds("firstMs"), 0.9),
    wholeMean: meanOf(seconds("wholeMs")),
    tokenMean: (meanOf(perToken) * speed) / 1000,
    hit: sum("cachedTokens") / sum("promptTokens"),
    lateP99: quantile(seconds("lateMs"), 0.99),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
