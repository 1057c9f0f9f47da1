// A filter that does nothing: what proxy-wasm itself costs on the machine that measures.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/components.ts";
import { compiled } from "../parts/compiled.ts";

/** It exports what the shipped filter does, so that Envoy enters it as often. */
export const noopSource = `
export function proxy_abi_version_0_2_1(): void {}
export function malloc(bytes: usize): usize { return heap.alloc(bytes); }
export function proxy_on_vm_start(root: u32, bytes: u32): u32 { return 1; }
export function proxy_on_configure(root: u32, bytes: u32): u32 { return 1; }
export function proxy_on_tick(root: u32): void {}
export function proxy_on_queue_ready(root: u32, token: u32): void {}
export function proxy_on_http_call_response(
  root: u32, token: u32, headers: u32, bytes: u32, trailers: u32): void {}
export function proxy_on_request_headers(context: u32, headers: u32, end: u32): u32 { return 0; }
export function proxy_on_request_body(context: u32, bytes: u32, end: u32): u32 { return 0; }
export function proxy_on_request_trailers(context: u32, trailers: u32): u32 { return 0; }
export function proxy_on_response_headers(context: u32, headers: u32, end: u32): u32 { return 0; }
export function proxy_on_response_body(context: u32, bytes: u32, end: u32): u32 { return 0; }
export function proxy_on_done(context: u32): u32 { return 1; }
`;

export function noopModule(): Promise<Uint8Array<ArrayBuffer>> {
  return compiled(noopSource);
}

/** The path of the filter as a file. */
export async function noopFilter(): Promise<string> {
  const path = join(temporaryFolder(), "noop.wasm");
  writeFileSync(path, await noopModule());
  return path;
}
