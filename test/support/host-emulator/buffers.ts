import { BufferType, nameOf, WasmResult } from "./abi.ts";
import { Body } from "./body.ts";
import type { HostFunctions } from "./imports.ts";
import type { Vm } from "./vm.ts";

export function bufferCalls(vm: Vm): HostFunctions {
  return {
    proxy_get_buffer_bytes: (type, start, length, pointerPointer, sizePointer) => {
      vm.note(nameOf(BufferType, type), start >>> 0, length >>> 0);
      const body = readable(vm, type);
      if (typeof body === "number") {
        return body;
      }
      const from = start >>> 0;
      if (from + (length >>> 0) > 0xffff_ffff) {
        return vm.refuse(WasmResult.BadArgument, "start and length overflow 32 bits");
      }
      // Reading past the end gives less, and nothing at all is pointer 0.
      const to = Math.max(from, Math.min(from + (length >>> 0), body.length));
      vm.memory.hand(body.view(from, to), pointerPointer, sizePointer);
      return WasmResult.Ok;
    },
    proxy_get_buffer_status: (type, lengthPointer, flagsPointer) => {
      vm.note(nameOf(BufferType, type));
      const body = readable(vm, type);
      if (typeof body === "number") {
        return body;
      }
      vm.memory.writeU32(lengthPointer, body.length);
      vm.memory.writeU32(flagsPointer, 0);
      return WasmResult.Ok;
    },
    proxy_set_buffer_bytes: (type, start, length, data, dataBytes) => {
      vm.note(nameOf(BufferType, type), start >>> 0, length >>> 0, `${dataBytes} bytes`);
      const isRequest = type === BufferType.HttpRequestBody;
      if (!isRequest && type !== BufferType.HttpResponseBody) {
        return vm.refuse(WasmResult.BadArgument, `${nameOf(BufferType, type)} cannot be changed`);
      }
      const body = readable(vm, type);
      if (typeof body === "number") {
        return body;
      }
      const value = vm.memory.copy(data, dataBytes);
      const result = body.write(start >>> 0, length >>> 0, value);
      if (result !== WasmResult.Ok) {
        return vm.refuse(result, `a body of ${body.length} bytes is changed at its ends only`);
      }
      return result;
    },
  };
}

function readable(vm: Vm, type: number): Body | number {
  const body = find(vm, type);
  if (body) {
    return body;
  }
  const why = `${nameOf(BufferType, type)} is not there in this phase`;
  return vm.refuse(WasmResult.NotFound, why);
}

function find(vm: Vm, type: number): Body | undefined {
  switch (type) {
    case BufferType.HttpRequestBody:
    case BufferType.HttpResponseBody:
      return vm.request?.body(type);
    case BufferType.HttpCallResponseBody:
      return vm.answer && new Body(vm.answer.body);
    case BufferType.VmConfiguration:
      return new Body(vm.vmConfiguration);
    case BufferType.PluginConfiguration:
      return vm.isConfiguring ? new Body(vm.pluginConfiguration) : undefined;
    default:
      return undefined;
  }
}
