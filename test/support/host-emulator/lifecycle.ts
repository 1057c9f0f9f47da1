import { LogLevel, nameOf, StreamType, WasmResult } from "./abi.ts";
import { decodePairs, HeaderMap } from "./header-map.ts";
import type { HostFunctions } from "./imports.ts";
import type { Vm } from "./vm.ts";

/** Host calls about the filter itself and the life of a request: logs, time, contexts, endings. */
export function lifecycleCalls(vm: Vm): HostFunctions {
  return {
    proxy_log: (level, message, messageBytes) => {
      vm.note(nameOf(LogLevel, level));
      if (level >>> 0 > LogLevel.Critical) {
        return vm.refuse(WasmResult.BadArgument, `there is no log level ${level >>> 0}`);
      }
      if (messageBytes >>> 0 > vm.logBytesMax) {
        const why = `a log message of ${messageBytes >>> 0} bytes is over ${vm.logBytesMax}`;
        return vm.refuse(WasmResult.Ok, why);
      }
      vm.addLog(level, vm.memory.text(message, messageBytes));
      return WasmResult.Ok;
    },
    proxy_get_log_level: (levelPointer) => {
      vm.memory.writeU32(levelPointer, vm.gateway.logLevel);
      return WasmResult.Ok;
    },
    proxy_get_current_time_nanoseconds: (timePointer) => {
      vm.memory.writeU64(timePointer, vm.gateway.nowNs);
      return WasmResult.Ok;
    },
    proxy_set_tick_period_milliseconds: (periodMs) => {
      vm.note(periodMs >>> 0);
      vm.setTickPeriod(periodMs >>> 0);
      return WasmResult.Ok;
    },
    proxy_set_effective_context: (id) => {
      vm.note(id);
      if (!vm.hasContext(id)) {
        return vm.refuse(WasmResult.BadArgument, `there is no context ${id >>> 0}`);
      }
      vm.setEffectiveContext(id);
      return WasmResult.Ok;
    },
    proxy_continue_stream: (type) => {
      vm.note(nameOf(StreamType, type));
      if (!vm.request || (type !== StreamType.Request && type !== StreamType.Response)) {
        return vm.refuse(WasmResult.BadArgument, "only an HTTP request can be continued");
      }
      return vm.request.continueLater(type);
    },
    proxy_close_stream: (type) => {
      vm.note(nameOf(StreamType, type));
      const request = vm.request;
      if (!request || (type !== StreamType.Request && type !== StreamType.Response)) {
        return vm.refuse(WasmResult.BadArgument, "only an HTTP request can be closed");
      }
      vm.later(() => request.reset());
      return WasmResult.Ok;
    },
    proxy_send_local_response: (
      status,
      details,
      detailsBytes,
      body,
      bodyBytes,
      pairs,
      pairsBytes,
      grpc,
    ) => {
      const headers = decodePairs(vm.memory.copy(pairs, pairsBytes));
      vm.note(status, `${bodyBytes} bytes`);
      const request = vm.request;
      if (!request) {
        return vm.refuse(WasmResult.Ok, "the root has nobody to respond to");
      }
      if ("why" in headers) {
        return vm.refuse(
          WasmResult.Ok,
          `the headers of the response are malformed: ${headers.why}`,
        );
      }
      if (status < 200 || status > 599) {
        return vm.refuse(WasmResult.Ok, `${status} is no status of a response`);
      }
      request.respondLater({
        origin: "filter",
        status,
        details: vm.memory.text(details, detailsBytes).replaceAll(/\s/g, "_"),
        headers: new HeaderMap(headers),
        body: vm.memory.copy(body, bodyBytes),
        grpcStatus: grpc,
      });
      return WasmResult.Ok;
    },
    proxy_done: () => {
      if (!vm.finishShutdown()) {
        return vm.refuse(WasmResult.NotFound, "the host has not asked this VM to end");
      }
      return WasmResult.Ok;
    },
  };
}
