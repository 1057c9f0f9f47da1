// Four behaviours on a running system, written into the README: `npm run bench:shown`.

import { readFileSync, writeFileSync } from "node:fs";
import { ask, chat } from "../test/support/asking.ts";
import { startEnvoy, startWholeGateway } from "../test/support/components.ts";
import { quantile } from "./measure/quantiles.ts";
import { markdownTable } from "./report/table.ts";
import {
  type Crowd,
  conversation,
  hotPrompt,
  learnedBySecond,
  sharedPrompt,
} from "./shown/scenarios.ts";

const ENDPOINTS = 4;

const gateway = await startWholeGateway({ simulators: ENDPOINTS });
const second = await startEnvoy({ controlPlane: gateway.controlPlane });
const rows: string[][] = [["behaviour", "shown"]];
try {
  await ask(second.url, chat([{ role: "user", content: "Hello" }]));
  rows.push(await conversationRow());
  rows.push(await sharedPromptRow({ users: 200, width: 16, tokens: 32 }));
  rows.push(await sharedPromptRow({ users: 400, width: 128, tokens: 32 }));
  rows.push(await hotPromptRow({ users: 900, width: 128, tokens: 32 }));
  rows.push(await secondGatewayRow());
} finally {
  await second.stop();
  await gateway.stop();
}
const table = markdownTable(rows);
const readme = new URL("../README.md", import.meta.url);
const section = /(<!-- shown:.*?-->\n)[\s\S]*?(<!-- \/shown -->)/;
writeFileSync(readme, readFileSync(readme, "utf8").replace(section, `$1\n${table}\n\n$2`));
console.log(table);

async function conversationRow(): Promise<string[]> {
  const { endpoints, cachedTokens, promptTokens } = await conversation(gateway.url, 40);
  const share = Math.round((100 * cachedTokens) / promptTokens);
  return [
    "a conversation of 40 turns, each on a connection of its own",
    `${endpoints.size} endpoint; ${share} % of ${promptTokens} prompt tokens found cached`,
  ];
}

async function sharedPromptRow(crowd: Crowd): Promise<string[]> {
  const { served, hits, inFlight } = await sharedPrompt(gateway.url, ENDPOINTS, crowd);
  return [
    `${crowd.users} users share a system prompt of 4,000 tokens, ${crowd.width} at a time`,
    `requests by endpoint: ${served.join(", ")}, with ${inFlight.map(whole).join(", ")} in ` +
      `flight in the mean; ${hits} of ${crowd.users} went where the prompt was`,
  ];
}

async function hotPromptRow(crowd: Crowd): Promise<string[]> {
  const { ratios } = await hotPrompt(gateway.url, ENDPOINTS, crowd);
  const of = (share: number) => quantile(ratios, share).toFixed(2);
  return [
    `one hot prompt of 4,000 tokens, ${crowd.width} requests at a time`,
    "in-flight tokens of the busiest endpoint over the mean: " +
      `median ${of(0.5)}, 95th percentile ${of(0.95)}, most ${of(1)}`,
  ];
}

async function secondGatewayRow(): Promise<string[]> {
  const waitsMs = await learnedBySecond(gateway.url, second.url, 20);
  return [
    "a second gateway is asked for what the first one picked, 20 times",
    `known after ${whole(quantile(waitsMs, 0.5))} ms in the median, ` +
      `${whole(quantile(waitsMs, 1))} ms at most, the asking included`,
  ];
}

function whole(value: number): string {
  return value.toFixed(0);
}
