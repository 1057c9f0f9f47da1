// What the gateway uses while no request comes: ticks, polls and probes.

import { setTimeout as sleep } from "node:timers/promises";
import { measureUsage } from "../measure/processor-time.ts";
import type { Gateways } from "./gateways.ts";

export interface Idle {
  name: string;
  /** Of one core. */
  corePercent: number;
}

export async function measureIdle(gateways: Gateways, seconds: number): Promise<Idle[]> {
  const processes = {
    "Envoy without the filter": gateways.processesFor("plain")["envoy"] ?? 0,
    "Envoy with the filter, pause": gateways.processesFor("pause")["envoy"] ?? 0,
    "Envoy with the filter, buffer": gateways.processesFor("buffer")["envoy"] ?? 0,
    "control plane, 4 endpoints": gateways.processesFor("buffer")["controlPlane"] ?? 0,
  };
  const end = measureUsage(processes);
  await sleep(seconds * 1000);
  const usage = end();
  return Object.entries(usage.processes).map(([name, used]) => ({
    name,
    corePercent: (100 * used) / usage.seconds,
  }));
}
