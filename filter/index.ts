// What Envoy may call, and who answers. The host gives each callback the id of the context it is
// about: the root's, or a request's.

import { configure } from "./configuration.ts";
import { takeAnswer } from "./hints/link.ts";
import { hear } from "./hints/sharing.ts";
import { nowMs } from "./host/clock.ts";
import { receive } from "./host/memory.ts";
import { takeLegAnswer } from "./request/prefilled.ts";
import { onDone, onResponseBody, onResponseHeaders } from "./request/response.ts";
import { onRequestBody, onRequestHeaders, onRequestTrailers } from "./request/stream.ts";
import { isRoot } from "./root.ts";
import { tick, tickSoon } from "./tick.ts";

const CONTINUE: u32 = 0;

export function proxy_abi_version_0_2_1(): void {}

export function malloc(bytes: usize): usize {
  return receive(bytes);
}

export function proxy_on_vm_start(_root: u32, _bytes: u32): u32 {
  return 1;
}

export function proxy_on_configure(root: u32, bytes: u32): u32 {
  return configure(root, bytes) ? 1 : 0;
}

export function proxy_on_tick(root: u32): void {
  if (isRoot(root)) tick();
}

export function proxy_on_queue_ready(_root: u32, token: u32): void {
  hear(token, nowMs());
  tickSoon();
}

export function proxy_on_http_call_response(
  _root: u32,
  token: u32,
  _headers: u32,
  bodyBytes: u32,
  _trailers: u32,
): void {
  if (!takeAnswer(token, bodyBytes, nowMs())) takeLegAnswer(token, bodyBytes);
  tickSoon();
}

export function proxy_on_request_headers(context: u32, _headers: u32, isEnd: u32): u32 {
  const action = onRequestHeaders(context, isEnd !== 0);
  tickSoon();
  return action;
}

export function proxy_on_request_body(context: u32, bytes: u32, isEnd: u32): u32 {
  const action = onRequestBody(context, bytes, isEnd !== 0);
  tickSoon();
  return action;
}

export function proxy_on_request_trailers(context: u32, _trailers: u32): u32 {
  const action = onRequestTrailers(context);
  tickSoon();
  return action;
}

export function proxy_on_response_headers(context: u32, _headers: u32, isEnd: u32): u32 {
  const action = onResponseHeaders(context, isEnd !== 0);
  tickSoon();
  return action;
}

export function proxy_on_response_body(context: u32, bytes: u32, isEnd: u32): u32 {
  onResponseBody(context, bytes, isEnd !== 0);
  tickSoon();
  return CONTINUE;
}

export function proxy_on_done(context: u32): u32 {
  if (isRoot(context)) return 1;
  onDone(context);
  tickSoon();
  return 1;
}
