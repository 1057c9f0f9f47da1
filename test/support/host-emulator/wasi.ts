import { LogLevel } from "./abi.ts";
import type { HostFunctions } from "./imports.ts";
import type { Vm } from "./vm.ts";

const SUCCESS = 0;
const BAD_DESCRIPTOR = 8;
const NOT_SUPPORTED = 58;
const CLOCKS = 2;

/** The few WASI functions that a filter may import; the rest make it fail to load here. */
export function wasiCalls(vm: Vm): HostFunctions {
  return {
    clock_time_get: (clock, _precision, timePointer) => {
      if (clock >>> 0 >= CLOCKS) {
        return NOT_SUPPORTED;
      }
      vm.memory.writeU64(timePointer!, vm.gateway.nowNs);
      return SUCCESS;
    },
    random_get: (pointer, bytes) => {
      vm.memory.write(pointer!, vm.gateway.random(bytes!));
      return SUCCESS;
    },
    fd_write: (descriptor, vectors, count, writtenPointer) => {
      if (descriptor !== 1 && descriptor !== 2) {
        return BAD_DESCRIPTOR;
      }
      const list = Buffer.from(vm.memory.copy(vectors!, count! * 8));
      let text = "";
      for (let at = 0; at < list.length; at += 8) {
        text += vm.memory.text(list.readUInt32LE(at), list.readUInt32LE(at + 4));
      }
      vm.addLog(descriptor === 1 ? LogLevel.Info : LogLevel.Error, text.replace(/\n$/, ""));
      vm.memory.writeU32(writtenPointer!, Buffer.byteLength(text));
      return SUCCESS;
    },
  };
}
