// What each gateway's Envoy holds of memory after its group was measured.

import { memoryOf, type ProcessMemory } from "../measure/memory.ts";
import { type Gateways, type Target, WORKERS } from "./gateways.ts";
import type { Setting } from "./plan.ts";

export interface GatewayMemory extends Setting, ProcessMemory {
  target: Target;
  /** Over Envoy without a filter, a worker. */
  addedWorkerBytes: number;
}

export function memoriesOf(gateways: Gateways, setting: Setting): GatewayMemory[] {
  const read = (target: Target) => memoryOf(gateways.processesFor(target)["envoy"] ?? 0);
  const plain = read("plain").residentBytes;
  return gateways.targets.map((target) => {
    const memory = read(target);
    const addedWorkerBytes = (memory.residentBytes - plain) / WORKERS;
    return { ...setting, target, ...memory, addedWorkerBytes };
  });
}
