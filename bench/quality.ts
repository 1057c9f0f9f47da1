// npm run bench:quality: how good the picks are, on public traces in a simulator of model servers,
// next to the picks of other routers.

import { setPriority } from "node:os";
import { Command } from "commander";
import { projectPath } from "../start/project.ts";
import { describeMachine } from "./measure/machine.ts";
import { type QualityReport, qualityChart, qualityText } from "./quality/report.ts";
import { type RunsPlan, runAll } from "./quality/runs.ts";
import { SUITES, suiteNamed } from "./quality/suites.ts";
import { writeResults } from "./report/files.ts";

const DEFAULT_SUITE = "main";
const KEPT_FIGURES = ["ttft_mean", "ttft_p50", "ttft_p90", "ttft_p99", "e2e_mean", "hit"] as const;

export async function reportQuality(plan: RunsPlan): Promise<QualityReport> {
  const results = await runAll(plan);
  const machine = describeMachine(undefined, projectPath("build", "filter.wasm"));
  return { machine, seeds: plan.seeds, suites: plan.suites, results };
}

/** What was measured, without what the code says already. */
function dataOf({ machine, seeds, results }: QualityReport): unknown {
  const rows = results.map(({ suite, cell, policy, seed, figures, measured }) => ({
    ...{ suite, cell: cell.label, policy, seed, ...measured },
    ...Object.fromEntries(
      KEPT_FIGURES.map((name) => [name, Number(figures[name]?.toPrecision(5))]),
    ),
  }));
  return { machine, seeds, rows };
}

interface Flags {
  suites: string;
  whole?: boolean;
  seeds: number;
  jobs: number;
  out?: string;
  fresh?: boolean;
  known?: boolean;
}

/** Of hours of computing, so that others on the machine do not notice. */
const NICENESS = 10;

if (import.meta.main) {
  setPriority(NICENESS);
  const names = SUITES.map(({ name }) => name).join(", ");
  const flags = new Command("npm run bench:quality --")
    .description("Compares Hintway's picks with other routers' on traces, in a simulator.")
    .option("--suites <names>", `which of ${names}`, DEFAULT_SUITE)
    .option("--whole", "all suites: hours")
    .option("--seeds <n>", "runs of each, with other ties and phases", Number, 3)
    .option("--jobs <n>", "runs at a time", Number, 2)
    .option("--fresh", "forget what earlier runs of the same code found")
    .option("--known", "run nothing: report what earlier runs of the same code found")
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<Flags>();
  const suites = flags.whole ? SUITES : flags.suites.split(",").map(suiteNamed);
  const { seeds, jobs } = flags;
  const kept = flags.fresh ? null : projectPath(".cache", "quality.jsonl");
  const report = await reportQuality({
    ...{ suites, seeds, jobs, kept, onlyKept: flags.known === true },
    say: (line) => console.log(line),
  });
  const text = qualityText(report);
  const chart = qualityChart(report.results);
  const isMain = suites.some(({ name }) => name === DEFAULT_SUITE);
  const name = isMain ? "quality" : `quality-${suites.map(({ name }) => name).join("-")}`;
  writeResults(name, { data: dataOf(report), text, ...(chart && { chart }) }, flags.out);
  console.log(`\n${text}`);
}
