// Four behaviours on a running system, written into the README: `npm run bench:shown`.

import { readFileSync, writeFileSync } from "node:fs";
import {
  type Answer,
  ask,
  candidateOf,
  chat,
  type Message,
  prose,
} from "../test/support/asking.ts";
import { startEnvoy, startWholeGateway } from "../test/support/components.ts";

const ENDPOINTS = 4;
const SHARED_PROMPT_BYTES = 16_000;

const gateway = await startWholeGateway({ simulators: ENDPOINTS });
const second = await startEnvoy({ controlPlane: gateway.controlPlane });
const rows: string[][] = [];
try {
  await ask(second.url, chat([{ role: "user", content: "Hello" }]));
  rows.push(await conversation());
  rows.push(await sharedPrompt());
  rows.push(await hotPrompt());
  rows.push(await secondGateway());
} finally {
  await second.stop();
  await gateway.stop();
}
const table = [
  "| behaviour | shown |",
  "| --- | --- |",
  ...rows.map((cells) => `| ${cells.join(" | ")} |`),
].join("\n");
const readme = new URL("../README.md", import.meta.url);
const section = /(<!-- shown:.*?-->\n)[\s\S]*?(<!-- \/shown -->)/;
writeFileSync(readme, readFileSync(readme, "utf8").replace(section, `$1\n${table}\n\n$2`));
console.log(table);

async function conversation(): Promise<string[]> {
  const messages: Message[] = [{ role: "system", content: prose("conversation", 3_000) }];
  const endpoints = new Set<string>();
  let cachedTokens = 0;
  let promptTokens = 0;
  for (let turn = 0; turn < 40; turn++) {
    messages.push({ role: "user", content: prose(`turn ${turn}`, 700) });
    const answer = await ask(gateway.url, chat(messages));
    const usage = JSON.parse(answer.text).usage;
    cachedTokens += usage.prompt_tokens_details.cached_tokens;
    promptTokens += usage.prompt_tokens;
    endpoints.add(answer.endpoint);
    messages.push({ role: "assistant", content: prose(`answer ${turn}`, 300) });
  }
  const share = Math.round((100 * cachedTokens) / promptTokens);
  return [
    "a conversation of 40 turns, each on a connection of its own",
    `${endpoints.size} endpoint; ${share} % of ${promptTokens} prompt tokens found cached`,
  ];
}

async function sharedPrompt(): Promise<string[]> {
  const system: Message = { role: "system", content: prose("shared", SHARED_PROMPT_BYTES) };
  const answers = await inParallel(200, 64, (user) =>
    ask(gateway.url, chat([system, { role: "user", content: prose(`user ${user}`, 400) }], 16)),
  );
  const hits = answers.filter((answer) => candidateOf(answer, answer.endpoint)?.matchedKeys);
  const counts = [...countByEndpoint(answers).values()].sort((a, b) => b - a);
  return [
    "200 users share a system prompt of 4,000 tokens, 64 at a time",
    `requests by endpoint: ${counts.join(", ")}; ${hits.length} of 200 went where the prompt was`,
  ];
}

async function hotPrompt(): Promise<string[]> {
  const hot: Message = { role: "user", content: prose("hot", SHARED_PROMPT_BYTES) };
  const answers = await inParallel(900, 128, (user) =>
    ask(gateway.url, chat([hot, { role: "user", content: `question ${user}` }], 32)),
  );
  const ratios = answers.slice(400, 800).map(({ explanation }) => {
    const resident = (explanation?.candidates ?? []).map(({ residentBytes }) => residentBytes);
    return Math.max(...resident) / (resident.reduce((a, b) => a + b, 0) / resident.length);
  });
  ratios.sort((a, b) => a - b);
  const median = ratios[Math.floor(ratios.length / 2)] ?? 0;
  const most = ratios[Math.floor(ratios.length * 0.95)] ?? 0;
  return [
    "one hot prompt of 4,000 tokens, 128 requests at a time",
    `in-flight tokens of the busiest endpoint over the mean: median ${median.toFixed(2)}, 95th percentile ${most.toFixed(2)}`,
  ];
}

async function secondGateway(): Promise<string[]> {
  const waits: number[] = [];
  for (let trial = 0; trial < 20; trial++) {
    const messages: Message[] = [{ role: "user", content: prose(`trial ${trial}`, 6_000) }];
    const first = await ask(gateway.url, chat(messages, 1));
    const answeredMs = performance.now();
    for (;;) {
      const answer = await ask(second.url, chat(messages, 1));
      const isKnown = candidateOf(answer, first.endpoint)?.matchedKeys === answer.explanation?.keys;
      if (isKnown || performance.now() - answeredMs > 2_000) break;
    }
    waits.push(performance.now() - answeredMs);
  }
  waits.sort((a, b) => a - b);
  return [
    "a second gateway is asked for what the first one picked, 20 times",
    `known after ${Math.round(waits[10] ?? 0)} ms in the median, ${Math.round(waits[19] ?? 0)} ms at most, the asking included`,
  ];
}

function countByEndpoint(answers: Answer[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { endpoint } of answers) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
  return counts;
}

async function inParallel(count: number, width: number, work: (index: number) => Promise<Answer>) {
  const results: Answer[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
