// The rounds over the cells of one group.

import { setTimeout as sleep } from "node:timers/promises";
import { workMs } from "../measure/machine-speed.ts";
import { measureUsage } from "../measure/processor-time.ts";
import type { Measured } from "../parts/load.ts";
import type { Gateways, Target } from "./gateways.ts";
import { type Cell, cellName, type Group, type Plan, type Setting } from "./plan.ts";

export interface Sample extends Cell, Setting {
  round: number;
  target: Target;
  measured: Measured;
  /** What a fixed piece of work took just before: the machine's speed at that moment. */
  workMs: number;
  /** Other processes used so much that the figures may not be ours. */
  isDisturbed: boolean;
}

/** Share of all CPUs that others may use. */
export const OTHERS_SHARE_MAX = 0.1;
const QUIET_LOOK_MS = 400;

/** Measures every cell in every round; within a cell the targets follow each other at once. */
export async function measureGroup(
  plan: Plan,
  { setting, cells }: Group,
  gateways: Gateways,
  take: (sample: Sample) => void,
): Promise<void> {
  for (let round = 0; round < plan.rounds; round++) {
    for (const cell of cells) {
      for (const target of turned(gateways.targets, round)) {
        const measure = () => measureCell(plan, gateways, { ...setting, ...cell, round, target });
        take(await gateways.during(target, measure));
      }
    }
  }
}

/** Each round another target comes first, so that none always runs after the same one. */
export function turned<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

async function measureCell(
  plan: Plan,
  gateways: Gateways,
  cell: Omit<Sample, "measured" | "workMs" | "isDisturbed">,
): Promise<Sample> {
  const processes = gateways.processesFor(cell.target);
  await untilQuiet(processes, plan.quietSeconds);
  const tookMs = workMs();
  const { warmSeconds, seconds } = plan;
  const { bodyBytes, connections, prompts, chunks, asksUsage } = cell;
  const { port } = gateways.envoyOf(cell.target);
  const measured = await gateways.load.run({
    ...{ port, bodyBytes, connections, prompts, chunks, asksUsage },
    ...{ warmSeconds, seconds, processes },
  });
  const isDisturbed = measured.usage.othersShare > OTHERS_SHARE_MAX;
  return { ...cell, measured, workMs: tookMs, isDisturbed };
}

async function untilQuiet(processes: { [name: string]: number }, seconds: number): Promise<void> {
  const giveUpMs = performance.now() + seconds * 1000;
  while (performance.now() < giveUpMs) {
    const end = measureUsage(processes);
    await sleep(QUIET_LOOK_MS);
    if (end().othersShare <= OTHERS_SHARE_MAX) return;
  }
}

export function sampleText(sample: Sample): string {
  const { measured, round, target } = sample;
  const { usage } = measured;
  return [
    `${round + 1}  ${cellName(sample, sample).padEnd(46)} ${target.padEnd(8)}`,
    `p50 ${measured.p50Ms.toFixed(3)}  p99 ${measured.p99Ms.toFixed(3)} ms`,
    `${measured.requestsPerSecond.toFixed(0)}/s`,
    `Envoy ${microseconds(usage.processes["envoy"] ?? 0, measured.requests)} µs`,
    `work ${sample.workMs.toFixed(1)} ms`,
    `others ${(usage.othersShare * 100).toFixed(0)} %`,
    ...(measured.failures > 0 ? [`${measured.failures} FAILED`] : []),
  ].join("  ");
}

function microseconds(seconds: number, requests: number): string {
  return ((seconds * 1e6) / Math.max(1, requests)).toFixed(1);
}
