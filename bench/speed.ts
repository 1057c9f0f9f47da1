// npm run bench:speed: what the filter costs, with it minus without it, in one run.

import { Command, InvalidArgumentError } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import { describeMachine } from "./measure/machine.ts";
import { writeResults } from "./report/files.ts";
import { cellsOf, measureRounds, type Plan, type Sample } from "./speed/cells.ts";
import { differencesOf } from "./speed/differences.ts";
import { startGateways, TARGETS } from "./speed/gateways.ts";
import { measureIdle } from "./speed/idle.ts";
import { measureIndexes } from "./speed/index-size.ts";
import { type SpeedReport, speedChart, speedText } from "./speed/report.ts";

const IDLE_SECONDS = 3;

export async function measureSpeed(
  plan: Plan,
  say: (line: string) => void,
): Promise<SpeedReport & { samples: Sample[] }> {
  const gateways = await startGateways();
  try {
    const launch = { say, signal: new AbortController().signal };
    const machine = describeMachine(await findEnvoy(process.env, launch), gateways.filterPath);
    const idle = await measureIdle(gateways, Math.min(IDLE_SECONDS, plan.seconds));
    const samples = await measureRounds(plan, gateways, say);
    const indexes = await measureIndexes(gateways);
    const workMs = samples.map((sample) => sample.workMs);
    return { machine, plan, differences: differencesOf(samples), idle, indexes, workMs, samples };
  } finally {
    await gateways.stop();
  }
}

function planFromFlags(): Plan & { out?: string } {
  const numbers = (text: string) => text.split(",").map((word) => positive(word));
  const command = new Command("npm run bench:speed --")
    .description("Measures what the filter costs: the same Envoy with it and without it.")
    .option("--rounds <count>", "rounds over all cells", positive, 3)
    .option("--body-bytes <list>", "request bodies", numbers, [1024, 16_384, 102_400])
    .option("--connections <list>", "closed-loop connections", numbers, [1, 32])
    .option("--prompts <list>", "unique, repeated", promptKinds, ["unique", "repeated"])
    .option("--chunks <count>", "of streamed answers; 0 leaves them out", Number, 200)
    .option("--warm-seconds <s>", "before a cell is measured", Number, 0.5)
    .option("--seconds <s>", "that a cell is measured", positive, 2.5)
    .option("--quiet-seconds <s>", "to wait for other processes to be quiet", Number, 5)
    .option("--out <folder>", "where results are written; bench/results by default");
  return command.parse().opts();
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError("Expected a number greater than 0.");
}

function promptKinds(text: string): Plan["prompts"] {
  return text.split(",").map((word) => {
    if (word === "unique" || word === "repeated") return word;
    throw new InvalidArgumentError("Expected `unique`, `repeated`, or both with a comma.");
  });
}

if (import.meta.main) {
  const { out, ...plan } = planFromFlags();
  const cells = cellsOf(plan).length * plan.rounds * TARGETS.length;
  const minutes = (cells * (plan.seconds + plan.warmSeconds + 0.5)) / 60;
  console.log(`${cells} cells, about ${minutes.toFixed(0)} min`);
  const report = await measureSpeed(plan, (line) => console.log(line));
  const text = speedText(report);
  writeResults("speed", { data: report, text, chart: speedChart(report) }, out);
  console.log(`\n${text}`);
}
