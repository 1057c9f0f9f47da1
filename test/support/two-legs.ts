// What a perfect sidecar does: asks prefill, then decode, with nothing in between.

import type { Component } from "./components.ts";

/** As vLLM's tests/v1/kv_connector/nixl_integration/toy_proxy_server.py makes them. */
export const ASK_OF_PREFILL = {
  do_remote_decode: true,
  do_remote_prefill: false,
  remote_engine_id: null,
  remote_block_ids: null,
  remote_host: null,
  remote_port: null,
};

type Server = Pick<Component, "url">;
type Body = Record<string, unknown>;

export function post(server: Server, body: Body, headers: Record<string, string> = {}) {
  return fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
}

/** Resolves to decode's answer; rejects when prefill does not hand over. */
export async function askBothLegs(prefill: Server, decode: Server, body: Body, requestId: string) {
  const headers = { "x-request-id": requestId };
  const { stream_options: _, ...asked } = body;
  const ask = { ...asked, stream: false, max_tokens: 1, kv_transfer_params: ASK_OF_PREFILL };
  const first = await post(prefill, ask, headers);
  const { kv_transfer_params } = (await first.json()) as Body;
  if (!first.ok || !kv_transfer_params) throw new Error(`prefill answered ${first.status}`);
  return post(decode, { ...body, kv_transfer_params }, headers);
}
