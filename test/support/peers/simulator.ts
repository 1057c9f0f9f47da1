// llm-d's own simulator of model servers, each in a process of its own.

import { freePort, startPart } from "../components.ts";
import { SIMULATOR } from "./assets.ts";

export const PEER_MODEL = "peer-model";

/** What a prompt takes that is computed, and one that comes over: it counts them as they are here. */
export const COMPUTE_MS = 400;
export const TRANSFER_MS = 20;

/** It listens on all addresses of this machine, and asks nobody for tokens. */
export async function startPeer(more: Record<string, string> = {}) {
  const port = await freePort();
  const flags = {
    port,
    model: PEER_MODEL,
    "time-to-first-token": `${COMPUTE_MS}ms`,
    "kv-cache-transfer-latency": `${TRANSFER_MS}ms`,
    "inter-token-latency": "1ms",
    ...more,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return startPart(
    {
      name: `llm-d-inference-sim ${port}`,
      command: "env",
      // Without an address of its own it keeps no cache.
      args: ["POD_IP=127.0.0.1", SIMULATOR, ...args, "--force-dummy-tokenizer"],
      healthUrl: `http://127.0.0.1:${port}/health`,
    },
    port,
  );
}

/** Requests that the server has ended for this reason. */
export function endedOf(peer: { url: string }, reason: string): Promise<number> {
  return read(peer, "vllm:request_success_total", `finish_reason="${reason}"`);
}

/** What prompts were counted for, all in all: of each, what it was to take, not what it took. */
export async function countedMs(peer: { url: string }): Promise<number> {
  return Math.round(1000 * (await read(peer, "vllm:time_to_first_token_seconds_sum")));
}

async function read(peer: { url: string }, series: string, label = ""): Promise<number> {
  const text = await (await fetch(`${peer.url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(series));
  return Number(
    lines
      .find((line) => line.includes(label))
      ?.split(" ")
      .at(-1) ?? 0,
  );
}
