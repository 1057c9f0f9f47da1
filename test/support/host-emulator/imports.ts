import { bufferCalls } from "./buffers.ts";
import { httpCalls } from "./calls.ts";
import { UnexpectedHostCall } from "./errors.ts";
import { headerCalls } from "./headers.ts";
import { lifecycleCalls } from "./lifecycle.ts";
import { metricCalls } from "./metrics.ts";
import { propertyCalls } from "./properties.ts";
import { sharedCalls } from "./shared.ts";
import type { Vm } from "./vm.ts";
import { wasiCalls } from "./wasi.ts";

/** A host call: pointers and sizes arrive as signed 32-bit numbers. */
export type HostFunctions = Record<string, (...operands: number[]) => number>;

/**
 * What the host offers a module, by import module and name. A module that imports anything else
 * does not load in Envoy, and does not here.
 */
export function hostImports(vm: Vm, module: WebAssembly.Module): WebAssembly.Imports {
  const env: HostFunctions = {
    ...lifecycleCalls(vm),
    ...headerCalls(vm),
    ...bufferCalls(vm),
    ...sharedCalls(vm),
    ...metricCalls(vm),
    ...propertyCalls(vm),
    ...httpCalls(vm),
  };
  const offered: Record<string, HostFunctions> = { env, wasi_snapshot_preview1: wasiCalls(vm) };
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const host = kind === "function" ? offered[from]?.[name] : undefined;
    if (!host) {
      throw new UnexpectedHostCall(
        `the filter imports ${kind} ${from}.${name}, which this host does not have`,
      );
    }
    imports[from] ??= {};
    imports[from][name] = vm.watched(name, host);
  }
  return imports;
}

const KNOWN_EXPORTS = new Set(
  [
    "abi_version_0_2_1 on_memory_allocate on_context_create on_vm_start on_configure on_tick",
    "on_request_headers on_request_body on_request_trailers on_request_metadata",
    "on_response_headers on_response_body on_response_trailers on_response_metadata",
    "on_http_call_response on_queue_ready on_foreign_function on_done on_log on_delete",
  ].flatMap((line) => line.split(" ").map((name) => `proxy_${name}`)),
);

/** Throws unless the module exports what the host needs, and nothing it would never call. */
export function checkExports(module: WebAssembly.Module): void {
  const names = new Set(WebAssembly.Module.exports(module).map((entry) => entry.name));
  if (!names.has("proxy_abi_version_0_2_1")) {
    throw new UnexpectedHostCall("the filter does not export proxy_abi_version_0_2_1");
  }
  if (!names.has("malloc") && !names.has("proxy_on_memory_allocate")) {
    throw new UnexpectedHostCall("the filter exports neither malloc nor proxy_on_memory_allocate");
  }
  if (!names.has("memory")) {
    throw new UnexpectedHostCall("the filter does not export its memory");
  }
  for (const name of names) {
    if (name.startsWith("proxy_") && !KNOWN_EXPORTS.has(name)) {
      throw new UnexpectedHostCall(`the filter exports ${name}, which the host never calls`);
    }
  }
}
