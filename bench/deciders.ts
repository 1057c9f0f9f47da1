// npm run bench:deciders: pieces of traces through a gateway over prefill and decode servers, with each
// way to decide which of them reads a prompt.

import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import { projectPath } from "../start/project.ts";
import { temporaryFolder } from "../test/support/components.ts";
import { type Cell, type DecidersReport, decidersText } from "./deciders/report.ts";
import { startWay, WAYS, type Way } from "./deciders/ways.ts";
import { describeMachine } from "./measure/machine.ts";
import { play } from "./replay/play.ts";
import type { Workload } from "./replay/report.ts";
import { scaledTrace } from "./replay/trace.ts";
import { writeResults } from "./report/files.ts";

/** Long prompts and short answers, and shorter prompts that are half known; light to heavy. */
const WORKLOADS: readonly Workload[] = [
  { trace: "mooncake-conversation", limit: 100, rate: 0.25, speed: 5 },
  { trace: "mooncake-conversation", limit: 100, rate: 0.5, speed: 5 },
  { trace: "toolagent-like", limit: 150, rate: 0.5, speed: 5 },
];

export interface DecidersPlan {
  workloads: readonly Workload[];
  ways: readonly Way[];
  say(line: string): void;
}

export async function reportDeciders(plan: DecidersPlan): Promise<DecidersReport> {
  const launch = { say: plan.say, signal: new AbortController().signal };
  const envoyPath = await findEnvoy(process.env, launch);
  const folder = temporaryFolder();
  const cells: Cell[] = [];
  for (const workload of plan.workloads) {
    for (const way of plan.ways) {
      const cell = await measureCell(workload, way, folder);
      const first = cell.played.firstMean.toFixed(2);
      plan.say(`${workload.trace} ÷ ${workload.rate}, ${way.name}: first token after ${first} s`);
      cells.push(cell);
    }
  }
  const machine = describeMachine(envoyPath, projectPath("build", "filter.wasm"));
  return { machine, cells };
}

async function measureCell(workload: Workload, way: Way, folder: string): Promise<Cell> {
  const trace = scaledTrace(workload, folder);
  const running = await startWay(way, workload.speed);
  try {
    const played = await play(trace, [running.url], workload.speed);
    const legs = await legsAnswered(running.controlPlane.url);
    return { workload, way: way.name, played, prefilledShare: legs / trace.turns.length };
  } finally {
    await running.stop();
  }
}

/** Reports come several times a second; after this long the last ones are in. */
const QUIET_MS = 1_000;

/** Good answers of prefill servers. */
async function legsAnswered(controlPlane: string): Promise<number> {
  await sleep(QUIET_MS);
  const page = await (await fetch(`${controlPlane}/metrics`)).text();
  return sumOf(page, "hintway_prefill_legs_total", 'outcome="served"');
}

function sumOf(page: string, series: string, label: string): number {
  return page
    .split("\n")
    .filter((line) => line.startsWith(`${series}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

if (import.meta.main) {
  const { out } = new Command("npm run bench:deciders --")
    .description("Compares deciders of disaggregation over simulated prefill and decode servers.")
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<{ out?: string }>();
  const report = await reportDeciders({ workloads: WORKLOADS, ways: WAYS, say: console.log });
  const text = decidersText(report);
  writeResults("deciders", { data: report, text }, out);
  console.log(`\n${text}`);
}
