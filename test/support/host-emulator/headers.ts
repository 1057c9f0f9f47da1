import { HeaderMapType, nameOf, WasmResult } from "./abi.ts";
import { decodePairs, encodePairs, type HeaderMap } from "./header-map.ts";
import type { HostFunctions } from "./imports.ts";
import type { Vm } from "./vm.ts";

/** A change of a header or trailer map by the filter, as it was made. */
export interface HeaderMutation {
  readonly map: string;
  readonly change: "add" | "replace" | "remove" | "set all";
  readonly name: string;
  readonly value: string;
}

// Nothing a client or server sends can hold these; a filter that writes them injects headers.
const FORBIDDEN = ["\0", "\r", "\n"];

export function headerCalls(vm: Vm): HostFunctions {
  return {
    proxy_get_header_map_value: (type, name, nameBytes, valuePointer, valueSize) => {
      const text = vm.memory.text(name, nameBytes);
      vm.note(nameOf(HeaderMapType, type), text);
      const map = readable(vm, type);
      if (typeof map === "number") {
        return map;
      }
      const value = map?.get(text);
      if (value === undefined) {
        return WasmResult.NotFound;
      }
      vm.memory.hand(Buffer.from(value), valuePointer, valueSize);
      return WasmResult.Ok;
    },
    proxy_get_header_map_pairs: (type, pointerPointer, sizePointer) => {
      vm.note(nameOf(HeaderMapType, type));
      const map = readable(vm, type);
      if (typeof map === "number") {
        return map;
      }
      vm.memory.hand(encodePairs(map?.pairs() ?? []), pointerPointer, sizePointer);
      return WasmResult.Ok;
    },
    proxy_get_header_map_size: (type, sizePointer) => {
      vm.note(nameOf(HeaderMapType, type));
      const map = readable(vm, type);
      if (typeof map === "number") {
        return map;
      }
      vm.memory.writeU32(sizePointer, map?.bytes ?? 0);
      return WasmResult.Ok;
    },
    proxy_add_header_map_value: (type, name, nameBytes, value, valueBytes) =>
      change(vm, type, "add", vm.memory.text(name, nameBytes), vm.memory.text(value, valueBytes)),
    proxy_replace_header_map_value: (type, name, nameBytes, value, valueBytes) => {
      const text = vm.memory.text(value, valueBytes);
      return change(vm, type, "replace", vm.memory.text(name, nameBytes), text);
    },
    proxy_remove_header_map_value: (type, name, nameBytes) =>
      change(vm, type, "remove", vm.memory.text(name, nameBytes), ""),
    proxy_set_header_map_pairs: (type, pointer, size) => {
      const pairs = decodePairs(vm.memory.copy(pointer, size));
      if ("why" in pairs) {
        return vm.refuse(WasmResult.BadArgument, `the pairs are malformed: ${pairs.why}`);
      }
      const result = change(vm, type, "set all", "", "");
      for (const [name, value] of result === WasmResult.Ok ? pairs : []) {
        change(vm, type, "add", name, value);
      }
      return result;
    },
  };
}

/** The map to read, undefined where Envoy has an empty one, or the refusal. */
function readable(vm: Vm, type: number): HeaderMap | undefined | number {
  if (
    type === HeaderMapType.HttpCallResponseHeaders ||
    type === HeaderMapType.HttpCallResponseTrailers
  ) {
    return readableAnswer(vm, type);
  }
  const map = vm.request?.headerMap(type);
  if (map) {
    return map;
  }
  if (vm.request?.isLogging) {
    return undefined;
  }
  const name = nameOf(HeaderMapType, type);
  return vm.refuse(WasmResult.BadArgument, `${name} are not there in this phase`);
}

function readableAnswer(vm: Vm, type: number): HeaderMap | undefined | number {
  if (!vm.isTakingAnswer) {
    return vm.refuse(WasmResult.BadArgument, "no answer to an HTTP call is being delivered");
  }
  const isHeaders = type === HeaderMapType.HttpCallResponseHeaders;
  // A call that failed has neither: Envoy answers BadArgument, and a filter may well ask.
  return (isHeaders ? vm.answer?.headers : vm.answer?.trailers) ?? WasmResult.BadArgument;
}

function change(
  vm: Vm,
  type: number,
  kind: HeaderMutation["change"],
  name: string,
  value: string,
): number {
  const mapName = nameOf(HeaderMapType, type);
  vm.note(mapName, name, value);
  const request = vm.request;
  const map = request?.isLogging ? undefined : request?.headerMapToChange(type);
  if (!request || !map) {
    return vm.refuse(WasmResult.BadArgument, `${mapName} cannot be changed in this phase`);
  }
  if (FORBIDDEN.some((forbidden) => name.includes(forbidden) || value.includes(forbidden))) {
    return vm.refuse(WasmResult.Ok, `the header ${name} would hold a line break or a zero`);
  }
  if (kind === "add" || kind === "replace") {
    map[kind](name, value);
  } else if (kind === "remove") {
    map.remove(name);
  } else {
    map.clear();
  }
  request.noteMutation({ map: mapName, change: kind, name, value }, type);
  return WasmResult.Ok;
}
