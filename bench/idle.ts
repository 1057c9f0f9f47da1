// npm run bench:idle: what the control plane uses while nothing happens.

import { Command } from "commander";
import { type IdleMeasured, type IdlePlan, measureIdle } from "./idle/measure.ts";
import { describeMachine, type Machine, machineText } from "./measure/machine.ts";
import { writeResults } from "./report/files.ts";
import { figure, kilobytes, markdownTable } from "./report/table.ts";

const CORES_BUDGET = 0.2;
const MIB_BUDGET = 256;

export interface IdleReport {
  machine: Machine;
  plan: IdlePlan;
  measured: IdleMeasured;
}

export function idleText({ machine, plan, measured }: IdleReport): string {
  const row = (what: string, callers: string, value: number, limit: number, unit: string) => [
    ...[what, callers, `${figure(value)} ${unit}`, `≤ ${limit} ${unit}`],
    value <= limit ? "met" : "**missed**",
  ];
  const others = Math.max(...measured.uses.map((use) => use.othersShare));
  return [
    "# The control plane while nothing happens",
    machineText(machine),
    `${plan.endpoints} endpoints, each probed once a second, each page ` +
      `${kilobytes(measured.pageBytes)}; ${plan.seconds} s a row. Other processes used ` +
      `${figure(100 * others)} % of the CPUs meanwhile: what they take from caches is in the figures.`,
    markdownTable([
      ["what", "who calls", "measured", "budget", ""],
      ...measured.uses.flatMap(({ callers, cores, residentMiB }) => [
        row("CPU", callers, cores, CORES_BUDGET, "cores"),
        row("resident memory", callers, residentMiB, MIB_BUDGET, "MiB"),
      ]),
    ]),
  ].join("\n\n");
}

if (import.meta.main) {
  const { out } = new Command("npm run bench:idle --")
    .description("Measures what the control plane uses for 100 endpoints while nothing happens.")
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<{ out?: string }>();
  const plan = { endpoints: 100, warmSeconds: 8, seconds: 20 };
  const report = { machine: describeMachine(), plan, measured: await measureIdle(plan) };
  const text = idleText(report);
  writeResults("idle", { data: report, text }, out);
  console.log(text);
}
