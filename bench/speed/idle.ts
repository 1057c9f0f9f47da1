// What the gateways use while no request comes: ticks, polls and probes.

import { setTimeout as sleep } from "node:timers/promises";
import { measureUsage } from "../measure/processor-time.ts";
import type { Gateways, Target } from "./gateways.ts";

export interface Idle {
  target: Target;
  /** Of one core. */
  envoyPercent: number;
  /** The control plane's, or the reference picker's without its API server. */
  deciderPercent: number;
}

export async function measureIdle(gateways: Gateways, seconds: number): Promise<Idle[]> {
  const idle: Idle[] = [];
  for (const target of gateways.targets) {
    const usage = await gateways.during(target, async () => {
      const end = measureUsage(gateways.processesFor(target));
      await sleep(seconds * 1000);
      return end();
    });
    const percentOf = (name: string) => (100 * (usage.processes[name] ?? 0)) / usage.seconds;
    idle.push({
      target,
      envoyPercent: percentOf("envoy"),
      deciderPercent: percentOf("decider"),
    });
  }
  return idle;
}
