// llm-d's own simulator of model servers, each in a process of its own.

import { freePort, startPart } from "../components.ts";
import { SIMULATOR } from "./assets.ts";

export const PEER_MODEL = "peer-model";

/** Long enough to tell a prompt that was computed from one that came over. */
export const COMPUTE_MS = 400;
const TRANSFER_MS = 20;

/** It listens on all addresses of this machine, and asks nobody for tokens. */
export async function startPeer() {
  const port = await freePort();
  const flags = {
    port,
    model: PEER_MODEL,
    "time-to-first-token": `${COMPUTE_MS}ms`,
    "kv-cache-transfer-latency": `${TRANSFER_MS}ms`,
    "inter-token-latency": "1ms",
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return startPart(
    {
      name: `llm-d-inference-sim ${port}`,
      command: SIMULATOR,
      args: [...args, "--force-dummy-tokenizer"],
      healthUrl: `http://127.0.0.1:${port}/health`,
    },
    port,
  );
}

/** Requests that the server has ended for this reason. */
export async function endedOf(peer: { url: string }, reason: string): Promise<number> {
  const text = await (await fetch(`${peer.url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith("vllm:request_success_total"));
  const line = lines.find((one) => one.includes(`finish_reason="${reason}"`));
  return Number(line?.split(" ").at(-1) ?? 0);
}
