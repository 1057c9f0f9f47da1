// The cells of the measurement and the rounds over them.

import { setTimeout as sleep } from "node:timers/promises";
import { workMs } from "../measure/machine-speed.ts";
import { measureUsage } from "../measure/processor-time.ts";
import type { Measured } from "../parts/load.ts";
import { type Gateways, TARGETS, type Target } from "./gateways.ts";

export interface Plan {
  rounds: number;
  bodyBytes: number[];
  connections: number[];
  prompts: ("unique" | "repeated")[];
  /** Chunks of the streamed answers; 0 leaves them out. */
  chunks: number;
  warmSeconds: number;
  seconds: number;
  /** How long to wait, before a cell, for other processes to be quiet. */
  quietSeconds: number;
}

/** What stays the same while the targets take turns. */
export interface Cell {
  bodyBytes: number;
  connections: number;
  prompts: "unique" | "repeated";
  /** 0: answers come whole. */
  chunks: number;
}

export interface Sample extends Cell {
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
/** Streams are paced, so their load is set by their number. */
const STREAM_CONNECTIONS = 16;
const STREAM_BODY_BYTES = 1024;

export function cellsOf(plan: Plan): Cell[] {
  const whole = plan.prompts.flatMap((prompts) =>
    plan.connections.flatMap((connections) =>
      plan.bodyBytes.map((bodyBytes) => ({ bodyBytes, connections, prompts, chunks: 0 })),
    ),
  );
  const { chunks } = plan;
  if (chunks === 0) return whole;
  const stream = { bodyBytes: STREAM_BODY_BYTES, connections: STREAM_CONNECTIONS, chunks };
  return [...whole, { ...stream, prompts: "unique" }];
}

/** Measures every cell in every round; within a cell the targets follow each other at once. */
export async function measureRounds(
  plan: Plan,
  gateways: Gateways,
  say: (line: string) => void,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    for (const cell of cellsOf(plan)) {
      for (const target of turned(TARGETS, round)) {
        const sample = await measureCell(plan, gateways, { ...cell, round, target });
        samples.push(sample);
        say(sampleText(sample));
      }
    }
  }
  return samples;
}

/** Each round another target comes first, so that none always runs after the same one. */
function turned<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

async function measureCell(
  plan: Plan,
  gateways: Gateways,
  cell: Cell & { round: number; target: Target },
): Promise<Sample> {
  const processes = gateways.processesFor(cell.target);
  await untilQuiet(processes, plan.quietSeconds);
  const tookMs = workMs();
  const { warmSeconds, seconds } = plan;
  const { bodyBytes, connections, prompts, chunks } = cell;
  const port = gateways.portOf[cell.target];
  const measured = await gateways.load.run({
    ...{ port, bodyBytes, connections, prompts, chunks },
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

function sampleText(sample: Sample): string {
  const { measured, round, connections, bodyBytes, prompts, chunks, target } = sample;
  const { usage } = measured;
  const cell = `${prompts} ${connections} × ${bodyBytes}${chunks > 0 ? ` × ${chunks} chunks` : ""}`;
  return [
    `${round + 1}  ${cell.padEnd(28)} ${target.padEnd(6)}`,
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
