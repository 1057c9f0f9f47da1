// npm run bench:sharing: how soon what one place knows is known elsewhere, and how soon a gateway is
// whole again after a part of it died.

import { Command } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import { describeMachine, type Machine, machineText } from "./measure/machine.ts";
import { quantile } from "./measure/quantiles.ts";
import { writeResults } from "./report/files.ts";
import { figure, markdownTable } from "./report/table.ts";
import { measureSharing, type Sharing, type SharingPlan } from "./sharing/measure.ts";

export interface SharingReport {
  machine: Machine;
  plan: SharingPlan;
  sharing: Sharing;
}

export async function reportSharing(
  plan: SharingPlan,
  say: (line: string) => void,
): Promise<SharingReport> {
  const launch = { say, signal: new AbortController().signal };
  const envoyPath = await findEnvoy(process.env, launch);
  const { sharing, filterPath } = await measureSharing(plan, say);
  return { machine: describeMachine(envoyPath, filterPath), plan, sharing };
}

export function sharingText({ machine, sharing }: SharingReport): string {
  const { restarts, traps } = sharing;
  const readyMs = restarts.map((restart) => restart.readyMs);
  return [
    "# How soon it is known, and whole again",
    `${machineText(machine)} Two workers a gateway. Method: [README](../README.md).`,
    sharingTable(sharing),
    `Starting the control plane's process takes ${figure(quantile(readyMs, 0.5))} ms (median) until ` +
      `it is ready. Requests that failed while it was down: ${failures(restarts)}; on the other ` +
      `worker while one was trapped: ${failures(traps)}.`,
  ].join("\n\n");
}

function failures(of: { failures: number }[]): number {
  return of.reduce((total, { failures: count }) => total + count, 0);
}

type Part = keyof Sharing["busyShares"];

function sharingTable(sharing: Sharing): string {
  const { workersMs, gatewaysMs, hintsMs, restarts, traps } = sharing;
  const rows: [what: string, timesMs: number[], part: Part, budgetMs: number][] = [
    ["a pick is known to the gateway's other worker", workersMs, "workersMs", 10],
    ["a pick is known to another gateway", gatewaysMs, "gatewaysMs", 200],
    ["a metric read by the control plane decides in every worker", hintsMs, "hintsMs", 150],
    [
      "control plane ready again: its hints decide in every worker",
      restarts.map((restart) => restart.hintsMs),
      "restarts",
      2000,
    ],
    [
      "control plane ready again: it has the whole index",
      restarts.map(({ indexMs }) => indexMs),
      "restarts",
      2000,
    ],
    ["a trapped worker picks again", traps.map(({ answersMs }) => answersMs), "traps", 2000],
    [
      "a trapped worker knows again what it was told of",
      traps.map(({ knowsMs }) => knowsMs),
      "traps",
      2000,
    ],
  ];
  return markdownTable([
    ["what", "trials", "not seen", "p50", "p99", "most", "budget, p99", "", "CPUs busy"],
    ...rows.map(([what, timesMs, part, budgetMs]) => [
      what,
      ...distribution(timesMs, budgetMs),
      `${figure(100 * sharing.busyShares[part])} %`,
    ]),
  ]);
}

/** NaN stands for a trial in which nothing was seen. */
function distribution(timesMs: number[], budgetMs: number): string[] {
  const seenMs = timesMs.filter((timeMs) => !Number.isNaN(timeMs));
  const p99Ms = quantile(seenMs, 0.99);
  const isMet = seenMs.length === timesMs.length && p99Ms <= budgetMs;
  return [
    `${timesMs.length}`,
    `${timesMs.length - seenMs.length}`,
    `${figure(quantile(seenMs, 0.5))} ms`,
    `${figure(p99Ms)} ms`,
    `${figure(quantile(seenMs, 1))} ms`,
    `≤ ${budgetMs.toLocaleString("en")} ms`,
    isMet ? "met" : "**missed**",
  ];
}

if (import.meta.main) {
  const { out } = new Command("npm run bench:sharing --")
    .description("Measures how soon picks, hints and recoveries reach every worker.")
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<{ out?: string }>();
  const report = await reportSharing({ picks: 300, changes: 40, deaths: 5 }, (line) =>
    console.log(line),
  );
  const text = sharingText(report);
  writeResults("sharing", { data: report, text }, out);
  console.log(`\n${text}`);
}
