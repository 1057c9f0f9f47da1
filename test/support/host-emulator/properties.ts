import { isIP } from "node:net";
import { WasmResult } from "./abi.ts";
import type { HostFunctions } from "./imports.ts";
import { readFilterState } from "./protobuf.ts";
import type { Vm } from "./vm.ts";

/** A property as Envoy has it: integers are 64 bits, a boolean one byte, bytes as they are. */
export type Property = string | number | bigint | boolean | Uint8Array;

/** Properties by path, the parts joined by dots: `upstream.address`. */
export type Properties = Map<string, Property>;

/** An object that the filter put into the filter state of a request. */
export interface FilterState {
  readonly value: string;
  readonly lifeSpan: "FilterChain" | "DownstreamRequest" | "DownstreamConnection";
}

const LIFE_SPANS = ["FilterChain", "DownstreamRequest", "DownstreamConnection"] as const;
const ADDRESS_STATE = "envoy.network.transport_socket.original_dst_address";
/** Filter state objects that Envoy can make from bytes; it knows no others. */
const FILTER_STATE_FACTORIES = new Set([
  ADDRESS_STATE,
  "envoy.network.upstream_server_name",
  "envoy.network.upstream_subject_alt_names",
  "envoy.network.application_protocols",
  "envoy.tcp_proxy.cluster",
]);

export function propertyCalls(vm: Vm): HostFunctions {
  return {
    proxy_get_property: (path, pathBytes, valuePointer, valueSize) => {
      const name = vm.memory.text(path, pathBytes).replaceAll("\0", ".");
      vm.note(name);
      const value = vm.request?.property(name) ?? vm.properties.get(name);
      if (value === undefined) {
        return WasmResult.NotFound;
      }
      vm.memory.hand(serialized(value), valuePointer, valueSize);
      return WasmResult.Ok;
    },
    proxy_set_property: (path, pathBytes, value, valueBytes) => {
      const name = vm.memory.text(path, pathBytes).replaceAll("\0", ".");
      vm.note(name, `${valueBytes} bytes`);
      if (!vm.request) {
        return vm.refuse(WasmResult.NotFound, "a property is set on a request, not on the root");
      }
      // Envoy keeps it in the filter state as wasm.<path>, where a property of that name is found.
      vm.request.properties.set(name, vm.memory.copy(value, valueBytes));
      return WasmResult.Ok;
    },
    proxy_call_foreign_function: (name, nameBytes, data, dataBytes, resultPointer, resultSize) => {
      const text = vm.memory.text(name, nameBytes);
      const result = foreign(vm, text, vm.memory.copy(data, dataBytes));
      if (resultPointer !== 0) {
        vm.memory.writeU32(resultPointer, 0);
      }
      if (resultSize !== 0) {
        vm.memory.writeU32(resultSize, 0);
      }
      return result;
    },
  };
}

function foreign(vm: Vm, name: string, data: Uint8Array): number {
  vm.note(name);
  if (name === "clear_route_cache") {
    if (!vm.request) {
      return vm.refuse(WasmResult.Ok, "the root has no route to clear");
    }
    vm.request.routeCacheClears++;
    return WasmResult.Ok;
  }
  if (name !== "set_envoy_filter_state") {
    return vm.refuse(WasmResult.NotFound, `the host has no foreign function ${name}`);
  }
  const state = readFilterState(data);
  if (!state) {
    return vm.refuse(WasmResult.BadArgument, "the arguments are no SetEnvoyFilterStateArguments");
  }
  vm.note(name, state.path, state.value);
  if (!FILTER_STATE_FACTORIES.has(state.path)) {
    return vm.refuse(WasmResult.NotFound, `Envoy makes no filter state ${state.path}`);
  }
  if (state.path === ADDRESS_STATE && !isAddress(state.value)) {
    return vm.refuse(WasmResult.BadArgument, `${state.value} is no ip:port`);
  }
  if (!vm.request) {
    return vm.refuse(WasmResult.NotFound, "the root has no filter state");
  }
  const lifeSpan = LIFE_SPANS[state.span] ?? "FilterChain";
  vm.request.filterState.set(state.path, { value: state.value, lifeSpan });
  return WasmResult.Ok;
}

/** `1.2.3.4:80` or `[::1]:80`. */
function isAddress(value: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  if (!match) {
    return false;
  }
  const [, v6, v4, port] = match;
  return isIP(v6 ?? v4 ?? "") === (v6 === undefined ? 4 : 6) && Number(port) <= 65_535;
}

function serialized(value: Property): Uint8Array {
  if (typeof value === "string") {
    return Buffer.from(value);
  }
  if (value instanceof Uint8Array) {
    return value;
  }
  if (typeof value === "boolean") {
    return Uint8Array.of(value ? 1 : 0);
  }
  const bytes = Buffer.alloc(8);
  if (typeof value === "number" && !Number.isInteger(value)) {
    bytes.writeDoubleLE(value);
  } else {
    bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  }
  return bytes;
}
