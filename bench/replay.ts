// npm run bench:replay: pieces of the traces through real gateways and simulated model servers, next
// to what the routing simulator says of the same requests.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import { projectPath } from "../start/project.ts";
import { temporaryFolder } from "../test/support/components.ts";
import { describeMachine } from "./measure/machine.ts";
import { runAll } from "./quality/runs.ts";
import {
  ENGINES,
  GATEWAYS,
  PROFILE,
  startTarget,
  TARGETS,
  type Target,
} from "./replay/gateways.ts";
import { type Played, play } from "./replay/play.ts";
import {
  type Foretold,
  merged,
  type ReplayReport,
  replayText,
  type Way,
  type Workload,
} from "./replay/report.ts";
import { scaledTrace, type Trace } from "./replay/trace.ts";
import { writeResults } from "./report/files.ts";

/** Loads as the routing simulator's moderate to high ones, for half as many engines. */
const WORKLOADS: readonly Workload[] = [
  { trace: "mooncake-conversation", limit: 400, rate: 0.5, speed: 5 },
  { trace: "toolagent-like", limit: 600, rate: 0.5, speed: 5 },
  { trace: "claude-code", limit: 250, rate: 0.3, pauses: 10, speed: 10 },
];
/** Reports are sent each 50 ms, so that what one gateway does is known to the other then. */
const SHARE_MS = 50;
/** Of the routing simulator: they differ in ties, phases of probes and which gateway gets a request. */
const SEEDS = 3;

export interface ReplayPlan {
  workloads: readonly Workload[];
  targets: readonly Target[];
  say(line: string): void;
}

export async function reportReplay(plan: ReplayPlan): Promise<ReplayReport> {
  const launch = { say: plan.say, signal: new AbortController().signal };
  const envoyPath = await findEnvoy(process.env, launch);
  const folder = temporaryFolder();
  const ways: Way[] = [];
  for (const workload of plan.workloads) {
    const trace = scaledTrace(workload, folder);
    const tell = (target: Target, how: string, seconds: number) =>
      plan.say(`${workload.trace}, ${target.name}: first token ${how} ${seconds.toFixed(2)} s`);
    const played: Played[] = [];
    for (const target of plan.targets) {
      const running = await startTarget(target, workload.speed);
      const one = await play(trace, running.urls, workload.speed).finally(running.stop);
      tell(target, "after", one.firstMean);
      played.push(one);
    }
    const machine = describeMachine(envoyPath, projectPath("build", "filter.wasm"));
    for (const [number, target] of plan.targets.entries()) {
      const foretold = await foretell(trace, target, workload);
      tell(target, "foretold after", foretold.firstMean);
      ways.push({ machine, workload, target: target.name, played: played[number]!, foretold });
    }
  }
  return { ways };
}

/** The same requests in the routing simulator, where what takes real time takes as much more. */
async function foretell(trace: Trace, target: Target, { speed }: Workload): Promise<Foretold> {
  const late = `${SHARE_MS * speed}`;
  const args = [
    ...["--trace", trace.path, "--profile", PROFILE, "--n", `${ENGINES}`],
    // Gauges as of the engine's last step: how old they get is the probe period, an option of the policy.
    ...["--proxies", `${GATEWAYS}`, "--share-ms", late, "--scrape-ms", "0"],
  ];
  const suite = {
    ...{ name: "replay", about: "the same requests" },
    cells: [{ label: trace.path, args }],
    policies: [target.policy(speed)],
  };
  const results = await runAll({
    ...{ suites: [suite], seeds: SEEDS, jobs: 1, kept: null },
    say() {},
  });
  const figures = results.map((one) => one.figures);
  const meanOf = (name: "ttft_mean" | "ttft_p90" | "e2e_mean" | "hit") =>
    figures.reduce((sum, one) => sum + one[name], 0) / figures.length;
  const firsts = figures.map((one) => one.ttft_mean);
  return {
    firstMean: meanOf("ttft_mean"),
    firstLeast: Math.min(...firsts),
    firstMost: Math.max(...firsts),
    firstP90: meanOf("ttft_p90"),
    wholeMean: meanOf("e2e_mean"),
    hit: meanOf("hit"),
  };
}

function earlierReport(folder: string): ReplayReport {
  const path = join(folder, "replay.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as ReplayReport) : { ways: [] };
}

interface Flags {
  only?: string;
  out?: string;
}

if (import.meta.main) {
  const names = WORKLOADS.map(({ trace }) => trace).join(", ");
  const { only, out } = new Command("npm run bench:replay --")
    .description("Replays pieces of traces through real gateways and simulated model servers.")
    .option("--only <trace>", `one of ${names}; the others' results stay as they are`)
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<Flags>();
  const workloads = WORKLOADS.filter(({ trace }) => only === undefined || trace === only);
  if (workloads.length === 0) throw new Error(`--only ${only} is none of ${names}`);
  const report = merged(
    await reportReplay({ workloads, targets: TARGETS, say: console.log }),
    earlierReport(out ?? projectPath("bench", "results")),
  );
  const text = replayText(report);
  writeResults("replay", { data: report, text }, out);
  console.log(`\n${text}`);
}
