// The index of each machine: filled before a group that says how large it is, looked at after it.

import { randomUUID } from "node:crypto";
import { FINE_BLOCKS } from "../../protocol/keys.ts";
import { until } from "../../test/support/until.ts";
import type { Gateways } from "./gateways.ts";
import type { Setting } from "./plan.ts";

const BLOCK_BYTES = 1024;
/** Caches are counted in blocks: no longer than while each block has a key of its own. */
const PROMPT_KEYS = FINE_BLOCKS;
const TEXT = "walks along the river and counts the boats. ";
const LANES = 8;
/** Picks spread over the endpoints at random, and the fullest ones forget a little. */
const FULL_SHARE = 0.9;

/** Asks once for each of so many prompts that together they have the setting's keys. */
export async function fillIndexes(gateways: Gateways, { indexKeys }: Setting): Promise<void> {
  if (indexKeys === 0) return;
  for (const { target } of await indexesOf(gateways)) {
    const { url } = gateways.envoyOf(target);
    let left = Math.ceil(indexKeys / PROMPT_KEYS);
    const lane = async () => {
      while (left-- > 0) await send(url, newPrompt());
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await until(`the index of every machine of the ${target} gateway to be filled`, async () => {
      const index = (await indexesOf(gateways)).find((each) => each.target === target);
      return Math.min(...(index?.keys ?? [])) >= FULL_SHARE * indexKeys;
    });
  }
}

function newPrompt(): string {
  return `${randomUUID()} `.padEnd(PROMPT_KEYS * BLOCK_BYTES, TEXT);
}

async function send(url: string, content: string): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content }] }),
  });
  await response.arrayBuffer();
}

export interface IndexSize {
  target: "pause" | "buffer";
  /** Of each machine. */
  keys: number[];
  /** Keys that found no room in any of them since Envoy's start. */
  refusedKeys: number;
}

export async function indexesOf(gateways: Gateways): Promise<IndexSize[]> {
  const sizes: IndexSize[] = [];
  for (const target of ["pause", "buffer"] as const) {
    const envoy = gateways.envoyOf(target);
    const statistics = [...(await envoy.statistics("machine_[0-9]+\\.index_keys"))];
    const of = (ending: string) =>
      statistics.flatMap(([name, value]) => (name.endsWith(ending) ? [value] : []));
    const refusedKeys = of(".index_keys_refused").reduce((sum, value) => sum + value, 0);
    sizes.push({ target, keys: of(".index_keys"), refusedKeys });
  }
  return sizes;
}
