// npm run bench:speed: what the filter costs, with it minus without it, in one run.

import { Command, InvalidArgumentError } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import { StartError } from "../start/start-error.ts";
import { describeMachine, type Machine } from "./measure/machine.ts";
import type { PickerOptions } from "./picker/picker.ts";
import { isPrivateNetwork, runInPrivateNetwork } from "./picker/private-network.ts";
import { writeResults } from "./report/files.ts";
import { measureGroup, type Sample, sampleText } from "./speed/cells.ts";
import { differencesOf } from "./speed/differences.ts";
import { fillIndexes, indexesOf } from "./speed/filled-index.ts";
import { memoriesOf } from "./speed/gateway-memory.ts";
import { startGateways, targetsWith } from "./speed/gateways.ts";
import { measureIdle } from "./speed/idle.ts";
import { onlyCells, type Plan, quickGroups, secondsOf, wholeGroups } from "./speed/plan.ts";
import { type SpeedReport, speedChart, speedText } from "./speed/report.ts";

const IDLE_SECONDS = 3;

export async function measureSpeed(
  plan: Plan,
  picker: PickerOptions | undefined,
  say: (line: string) => void,
): Promise<SpeedReport & { samples: Sample[] }> {
  const samples: Sample[] = [];
  const targets = targetsWith(picker);
  const found: Pick<SpeedReport, "idle" | "memories" | "indexes"> = {
    ...{ idle: [], memories: [], indexes: [] },
  };
  let machine: Machine | undefined;
  const startMs = performance.now();
  const count = targets.length * plan.rounds * plan.groups.flatMap(({ cells }) => cells).length;
  for (const group of plan.groups) {
    const { setting } = group;
    say(`starting gateways over ${setting.endpoints} endpoints`);
    const gateways = await startGateways(setting, picker);
    try {
      machine ??= describeMachine(await findEnvoy(process.env, launchOf(say)), gateways.filterPath);
      if (group === plan.groups[0]) {
        found.idle = await measureIdle(gateways, Math.min(IDLE_SECONDS, plan.seconds));
      }
      await fillIndexes(gateways, setting);
      await measureGroup(plan, group, gateways, (sample) => {
        samples.push(sample);
        const leftMs = ((performance.now() - startMs) / samples.length) * (count - samples.length);
        const left = `${Math.ceil(leftMs / 60_000)} min left`;
        say(`${samples.length}/${count}, ${left}  ${sampleText(sample)}`);
      });
      found.memories.push(...memoriesOf(gateways, setting));
      found.indexes.push(...(await indexesOf(gateways)).map((index) => ({ ...setting, ...index })));
    } finally {
      await gateways.stop();
    }
  }
  if (!machine) throw new Error("the plan has no cells: `--only` matches none");
  const workMs = samples.map((sample) => sample.workMs);
  return {
    ...{ machine, plan, targets, workMs, samples },
    ...found,
    differences: differencesOf(samples),
  };
}

function launchOf(say: (line: string) => void) {
  return { say, signal: new AbortController().signal };
}

interface Flags extends Omit<Plan, "groups"> {
  cells: "quick" | "whole";
  only?: RegExp;
  picker?: string;
  kubernetes?: string;
  out?: string;
}

function readFlags(): Flags {
  const command = new Command("npm run bench:speed --")
    .description("Measures what the filter costs: the same Envoy with it and without it.")
    .option("--cells <which>", "quick: what has a budget; whole: all", quickOrWhole, "whole")
    .option(
      "--only <pattern>",
      "cells that match alone, such as `^4 endpoints: unique 32`",
      pattern,
    )
    .option("--rounds <count>", "rounds over the cells of a group", positive, 3)
    .option("--warm-seconds <s>", "before a cell is measured", Number, 0.5)
    .option("--seconds <s>", "that a cell is measured", positive, 2.5)
    .option("--quiet-seconds <s>", "to wait for other processes to be quiet", Number, 5)
    .option("--picker <path>", "the reference picker's binary (epp); left out without it")
    .option("--kubernetes <folder>", "with etcd and kube-apiserver, which the picker needs")
    .option("--out <folder>", "where results are written; bench/results by default");
  return command.parse().opts();
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError("Expected a number greater than 0.");
}

function quickOrWhole(text: string): Flags["cells"] {
  if (text === "quick" || text === "whole") return text;
  throw new InvalidArgumentError("Expected `quick` or `whole`.");
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("Expected a regular expression.");
  }
}

function pickerOf({ picker, kubernetes }: Flags): PickerOptions | undefined {
  if (!picker) return undefined;
  const folder = kubernetes ?? process.env["KUBEBUILDER_ASSETS"];
  if (folder) return { binary: picker, kubernetes: folder };
  throw new StartError(
    "The reference picker needs a Kubernetes API server.",
    "Name a folder with etcd and kube-apiserver by --kubernetes or KUBEBUILDER_ASSETS.",
  );
}

async function main(): Promise<void> {
  const { cells, only, out, ...flags } = readFlags();
  const picker = pickerOf({ cells, ...flags });
  if (picker && !isPrivateNetwork()) {
    // Envoy may have to be fetched, which a network of the run's own does not allow.
    const envoy = await findEnvoy(process.env, launchOf(console.log));
    process.exitCode = runInPrivateNetwork({ ENVOY_BIN: envoy });
    return;
  }
  const all = cells === "quick" ? quickGroups() : wholeGroups();
  const { rounds, warmSeconds, seconds, quietSeconds } = flags;
  const groups = only ? onlyCells(all, only) : all;
  const plan = { rounds, warmSeconds, seconds, quietSeconds, groups };
  if (!picker) console.log("The reference picker is left out: --picker names none.");
  console.log(`about ${Math.ceil(secondsOf(plan, targetsWith(picker).length) / 60)} min`);
  const report = await measureSpeed(plan, picker, console.log);
  const text = speedText(report);
  writeResults("speed", { data: report, text, chart: speedChart(report) }, out);
  console.log(`\n${text}`);
}

if (import.meta.main) await main();
