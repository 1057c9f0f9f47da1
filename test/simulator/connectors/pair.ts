import { expect } from "vitest";
import type { Settings } from "../../../simulator/settings.ts";
import { chat, type StartedServer, startedServer } from "../started-server.ts";

export const CHAT_PATH = "/v1/chat/completions";

/** 4,000 characters, so 1,000 tokens and some for the template. */
export const PROMPT = "All of this sentence is part of one prompt, sir. ".repeat(82);

export interface Answered {
  status: number;
  /** The field that a refusal names. */
  field: string | null;
  body: {
    choices: { finish_reason: string; message: { content: string } }[];
    usage: {
      prompt_tokens: number;
      completion_tokens: number;
      prompt_tokens_details: { cached_tokens: number } | null;
    };
    kv_transfer_params?: Record<string, unknown>;
    ec_transfer_params?: Record<string, Record<string, unknown>>;
  };
}

export interface Pair {
  prefill: StartedServer;
  decode: StartedServer;
}

/** A prefill and a decode server of one connector. */
export async function startedPair(connector: string, more: Partial<Settings> = {}): Promise<Pair> {
  const lasting = { connector, kvLeaseMs: 600_000_000, ...more };
  const prefill = await startedServer({ ...lasting, role: "prefill" });
  const decode = await startedServer({ ...lasting, role: "decode" });
  return { prefill, decode };
}

export async function ask(
  server: StartedServer,
  more: object,
  headers: Record<string, string> = {},
  prompt = PROMPT,
): Promise<Answered> {
  const response = await server.post(CHAT_PATH, chat(prompt, more), headers);
  const body = await response.json();
  return { status: response.status, field: body.error?.param ?? null, body };
}

export function cachedOf({ body }: Answered): number {
  return body.usage.prompt_tokens_details?.cached_tokens ?? 0;
}

/** What the server itself has counted as wrong, by field. */
export async function failuresOf(server: StartedServer): Promise<(string | null)[]> {
  const { transfers } = await (await server.get("/sim/state")).json();
  expect(transfers.counts.failed).toBe(transfers.failures.length);
  return transfers.failures.map(({ field }: { field: string | null }) => field);
}
