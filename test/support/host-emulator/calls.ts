import { WasmResult } from "./abi.ts";
import { decodePairs, HeaderMap } from "./header-map.ts";
import type { HostFunctions } from "./imports.ts";
import type { Vm } from "./vm.ts";

const TOKEN_STEP = 4;

/** An HTTP call that a filter made and nobody has answered. */
export interface HttpCall {
  readonly vm: Vm;
  readonly token: number;
  readonly cluster: string;
  readonly headers: HeaderMap;
  readonly body: Uint8Array;
  readonly trailers: HeaderMap;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly startedAtMs: number;
}

/** What a call was answered with, readable while the callback with the answer runs. */
export interface HttpCallAnswer {
  readonly headers: HeaderMap;
  readonly body: Uint8Array;
  readonly trailers?: HeaderMap;
}

export function httpCalls(vm: Vm): HostFunctions {
  let token = 0;
  return {
    proxy_http_call: (
      cluster,
      clusterBytes,
      headers,
      headersBytes,
      body,
      bodyBytes,
      trailers,
      trailersBytes,
      timeoutMs,
      tokenPointer,
    ) => {
      const target = vm.memory.text(cluster, clusterBytes);
      const headerPairs = decodePairs(vm.memory.copy(headers, headersBytes));
      const trailerPairs = decodePairs(vm.memory.copy(trailers, trailersBytes));
      vm.memory.writeU32(tokenPointer, 0);
      if ("why" in headerPairs || "why" in trailerPairs) {
        const { why } = "why" in headerPairs ? headerPairs : (trailerPairs as { why: string });
        return vm.refuse(WasmResult.BadArgument, `the pairs of the call are malformed: ${why}`);
      }
      const map = new HeaderMap(headerPairs);
      vm.note(target, map.get(":method") ?? "", map.get(":path") ?? "", `${bodyBytes} bytes`);
      if (timeoutMs < 0) {
        return vm.refuse(WasmResult.BadArgument, `a timeout of ${timeoutMs} ms is negative`);
      }
      // A cluster may come later by xDS: asking for it too early is normal, and answered.
      if (!vm.gateway.clusters.has(target)) {
        return WasmResult.BadArgument;
      }
      const missing = [":path", ":method", ":authority"].find((name) => !map.has(name));
      if (missing) {
        return vm.refuse(WasmResult.BadArgument, `the call has no ${missing}`);
      }
      if (bodyBytes > 0) {
        map.replace("content-length", `${bodyBytes}`);
      }
      token += TOKEN_STEP;
      vm.gateway.calls.push({
        vm,
        token,
        cluster: target,
        headers: map,
        body: vm.memory.copy(body, bodyBytes),
        trailers: new HeaderMap(trailerPairs),
        timeoutMs,
        startedAtMs: vm.gateway.nowMs,
      });
      vm.memory.writeU32(tokenPointer, token);
      return WasmResult.Ok;
    },
    proxy_get_status: (codePointer, messagePointer, messageSize) => {
      vm.note(vm.callStatus.code, vm.callStatus.message);
      vm.memory.writeU32(codePointer, vm.callStatus.code);
      vm.memory.hand(Buffer.from(vm.callStatus.message), messagePointer, messageSize);
      return WasmResult.Ok;
    },
  };
}
