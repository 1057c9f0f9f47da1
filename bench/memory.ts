// npm run bench:memory: what the filter holds of memory, and that it stays so.

import { Command } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import { describeMachine, type Machine, machineText } from "./measure/machine.ts";
import { type EmulatedPlan, emulatedMemory, type MemoryAt } from "./memory/emulated.ts";
import { type RunningAt, runningMemory } from "./memory/running.ts";
import { writeResults } from "./report/files.ts";
import { markdownTable, megabytes } from "./report/table.ts";
import { ownFilter } from "./speed/gateways.ts";

const KEYS_BYTES_MAX = 64 * 1024 ** 2;

export interface MemoryPlan {
  emulated: EmulatedPlan;
  runningRequests: number;
}

export interface MemoryReport {
  machine: Machine;
  plan: MemoryPlan;
  emulated: MemoryAt[];
  running: RunningAt[];
}

export async function measureMemory(
  plan: MemoryPlan,
  say: (line: string) => void,
): Promise<MemoryReport> {
  const launch = { say, signal: new AbortController().signal };
  const machine = describeMachine(await findEnvoy(process.env, launch), await ownFilter());
  say(`${plan.emulated.requests.toLocaleString("en")} requests under the host emulator`);
  const emulated = emulatedMemory(plan.emulated);
  say(`${plan.runningRequests.toLocaleString("en")} requests through Envoy`);
  const running = await runningMemory(plan.runningRequests);
  return { machine, plan, emulated, running };
}

export function memoryText({ machine, plan, emulated, running }: MemoryReport): string {
  const count = (value: number) => value.toLocaleString("en");
  const bytes = emulated.at(-1)?.bytes ?? 0;
  const verdict = bytes <= KEYS_BYTES_MAX ? "met" : "**missed**";
  return [
    "# What the filter holds of memory",
    `${machineText(machine)} Method: [README](../README.md).`,
    "## One machine under the host emulator",
    `Prompts never repeated. Budget for ${count(plan.emulated.keys)} keys: ` +
      `≤ ${megabytes(KEYS_BYTES_MAX)}; ${megabytes(bytes)}, ${verdict}.`,
    markdownTable([
      ["requests", "keys", "linear memory"],
      ...emulated.map((at) => [count(at.requests), count(at.keys), megabytes(at.bytes)]),
    ]),
    "## Envoy with two workers",
    markdownTable([
      ["requests", "Envoy in memory", "linear memory of each machine"],
      ...running.map((at) => [
        count(at.requests),
        megabytes(at.residentBytes),
        at.machineBytes.map(megabytes).join(", "),
      ]),
    ]),
  ].join("\n\n");
}

if (import.meta.main) {
  const { out } = new Command("npm run bench:memory --")
    .description("Measures what the filter holds of memory over a million requests.")
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<{ out?: string }>();
  const plan = { emulated: { requests: 1_000_000, keys: 1_000_000 }, runningRequests: 200_000 };
  const report = await measureMemory(plan, console.log);
  const text = memoryText(report);
  writeResults("memory", { data: report, text }, out);
  console.log(`\n${text}`);
}
