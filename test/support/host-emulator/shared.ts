import { WasmResult } from "./abi.ts";
import type { HostFunctions } from "./imports.ts";
import type { Vm } from "./vm.ts";

interface SharedValue {
  value: Uint8Array;
  cas: number;
}

/**
 * Values that all VMs of a process share, by VM id and key, each with the number its last write
 * got (proxy-wasm-cpp-host, src/shared_data.cc).
 */
export class SharedData {
  readonly #values = new Map<string, SharedValue>();
  #casNext = 1;

  get(vmId: string, key: string): Readonly<SharedValue> | undefined {
    return this.#values.get(`${vmId}\0${key}`);
  }

  /** Writes, unless `cas` is neither 0 nor the number of the value in place. */
  set(vmId: string, key: string, value: Uint8Array, cas: number): number {
    const name = `${vmId}\0${key}`;
    const present = this.#values.get(name);
    // A key that is absent takes any number: the host compares with nothing.
    if (present && cas !== 0 && cas !== present.cas) {
      return WasmResult.CasMismatch;
    }
    this.#values.set(name, { value, cas: this.#casNext++ });
    return WasmResult.Ok;
  }

  /** The keys of a VM id, for tests that bound them. */
  keys(vmId: string): string[] {
    const prefix = `${vmId}\0`;
    return [...this.#values.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length));
  }
}

interface SharedQueue {
  vm: Vm;
  readonly items: Uint8Array[];
}

/** Queues between VMs; only the VM that registered a name last is told (src/shared_queue.cc). */
export class SharedQueues {
  readonly #tokens = new Map<string, number>();
  readonly #queues: SharedQueue[] = [];

  register(vm: Vm, name: string): number {
    const key = `${vm.vmId}\0${name}`;
    const token = this.#tokens.get(key);
    if (token !== undefined) {
      this.#queues[token - 1]!.vm = vm;
      return token;
    }
    this.#queues.push({ vm, items: [] });
    this.#tokens.set(key, this.#queues.length);
    return this.#queues.length;
  }

  resolve(vmId: string, name: string): number | undefined {
    return this.#tokens.get(`${vmId}\0${name}`);
  }

  queue(token: number): SharedQueue | undefined {
    return this.#queues[token - 1];
  }
}

export function sharedCalls(vm: Vm): HostFunctions {
  const { gateway } = vm;
  return {
    proxy_get_shared_data: (key, keyBytes, valuePointer, valueSize, casPointer) => {
      const name = vm.memory.binaryText(key, keyBytes);
      vm.note(name);
      const found = gateway.sharedData.get(vm.vmId, name);
      if (!found) {
        return WasmResult.NotFound;
      }
      vm.memory.hand(found.value, valuePointer, valueSize);
      vm.memory.writeU32(casPointer, found.cas);
      return WasmResult.Ok;
    },
    proxy_set_shared_data: (key, keyBytes, value, valueBytes, cas) => {
      const name = vm.memory.binaryText(key, keyBytes);
      vm.note(name, `${valueBytes} bytes`, cas);
      return gateway.sharedData.set(vm.vmId, name, vm.memory.copy(value, valueBytes), cas >>> 0);
    },
    proxy_register_shared_queue: (name, nameBytes, tokenPointer) => {
      const text = vm.memory.binaryText(name, nameBytes);
      vm.note(text);
      vm.memory.writeU32(tokenPointer, gateway.sharedQueues.register(vm, text));
      return WasmResult.Ok;
    },
    proxy_resolve_shared_queue: (id, idBytes, name, nameBytes, tokenPointer) => {
      const vmId = vm.memory.binaryText(id, idBytes) || vm.vmId;
      const text = vm.memory.binaryText(name, nameBytes);
      vm.note(vmId, text);
      const token = gateway.sharedQueues.resolve(vmId, text);
      if (token === undefined) {
        return WasmResult.NotFound;
      }
      vm.memory.writeU32(tokenPointer, token);
      return WasmResult.Ok;
    },
    proxy_dequeue_shared_queue: (token, dataPointer, dataSize) => {
      vm.note(token);
      const queue = gateway.sharedQueues.queue(token);
      if (!queue) {
        return vm.refuse(WasmResult.NotFound, `no queue has the token ${token}`);
      }
      const item = queue.items.shift();
      if (!item) {
        return WasmResult.Empty;
      }
      vm.memory.hand(item, dataPointer, dataSize);
      return WasmResult.Ok;
    },
    proxy_enqueue_shared_queue: (token, data, dataBytes) => {
      vm.note(token, `${dataBytes} bytes`);
      const queue = gateway.sharedQueues.queue(token);
      if (!queue) {
        return vm.refuse(WasmResult.NotFound, `no queue has the token ${token}`);
      }
      queue.items.push(vm.memory.copy(data, dataBytes));
      const receiver = queue.vm;
      // Posted to the other thread: it runs when that thread is next idle, once for each item.
      gateway.post(() => receiver.queueReady(token));
      return WasmResult.Ok;
    },
  };
}
