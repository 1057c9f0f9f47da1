// The results of bench:speed as text and chart.

import { type Machine, machineText } from "../measure/machine.ts";
import { median } from "../measure/quantiles.ts";
import { type BarChart, barChart } from "../report/bar-chart.ts";
import { added, figure, kilobytes, markdownTable, megabytes } from "../report/table.ts";
import { BUDGETS, type Budget, isMet } from "./budgets.ts";
import { OTHERS_SHARE_MAX } from "./cells.ts";
import { COMPARED, type Difference, type Spread } from "./differences.ts";
import type { IndexSize } from "./filled-index.ts";
import type { GatewayMemory } from "./gateway-memory.ts";
import type { Target } from "./gateways.ts";
import type { Idle } from "./idle.ts";
import { type Cell, cellName, type Plan, type Setting } from "./plan.ts";

export interface SpeedReport {
  machine: Machine;
  plan: Plan;
  targets: Target[];
  differences: Difference[];
  idle: Idle[];
  /** After each group. */
  memories: GatewayMemory[];
  indexes: (Setting & IndexSize)[];
  /** Of a fixed piece of work, before each cell. */
  workMs: number[];
}

const NAMES: { [target in Target]: string } = {
  plain: "without",
  noop: "filter that does nothing",
  pause: "pause",
  buffer: "buffer",
  ext_proc: "ext_proc",
};

export function speedText(report: SpeedReport): string {
  const { differences } = report;
  const whole = differences.filter((difference) => difference.chunks === 0);
  const streamed = differences.filter((difference) => difference.chunks > 0);
  const settings = Map.groupBy(whole, (difference) => settingText(difference));
  return [
    "# What the filter costs",
    introduction(report),
    "## Budgets",
    budgetTable(report),
    "What the missed ones would take stands in [calls.md](calls.md), made by `npm run bench:calls`.",
    ...[...settings].flatMap(([setting, ofSetting]) => [
      `## ${setting}`,
      ...(["unique", "repeated"] as const).flatMap((prompts) => {
        const shown = ofSetting.filter((difference) => difference.prompts === prompts);
        const heading = prompts === "unique" ? "Prompts never repeated:" : "One prompt repeated:";
        return shown.length > 0 ? [heading, wholeTable(shown)] : [];
      }),
    ]),
    ...(streamed.length > 0 ? ["## Streamed answers", streamTable(streamed)] : []),
    "## Memory",
    memoryTable(report.memories),
    "## The index after each group",
    indexTable(report.indexes),
    "## Without any request",
    idleTable(report.idle),
  ].join("\n\n");
}

function introduction({ machine, plan, workMs, targets }: SpeedReport): string {
  const picker = targets.includes("ext_proc")
    ? "The reference picker was measured beside it."
    : "**The reference picker (ext_proc) is left out: no `--picker` was given.**";
  return (
    `${machineText(machine)} ${plan.rounds} rounds of ${plan.seconds} s a cell; medians, with ` +
    "least and most of the rounds in brackets. `*`: other processes took more than " +
    `${OTHERS_SHARE_MAX * 100} % of the CPUs in every round. A fixed piece of work before each ` +
    `cell took ${figure(median(workMs))} ms (median; ${figure(Math.min(...workMs))} to ` +
    `${figure(Math.max(...workMs))}): the machine's own speed varied so much. ${picker} ` +
    "Method: [README](../README.md)."
  );
}

function settingText({ endpoints, indexKeys }: Setting): string {
  const index = indexKeys > 0 ? `, an index of ${indexKeys.toLocaleString("en")} keys` : "";
  return `${endpoints} endpoints${index}`;
}

function budgetTable({ differences, targets }: SpeedReport): string {
  const compared = COMPARED.filter((target) => targets.includes(target));
  const heading = ["figure", "connections", "body", "budget"];
  const rows = BUDGETS.map((budget) => [
    budget.what + (budget.cell.chunks > 0 ? `, ${budget.cell.chunks} chunks` : ""),
    `${budget.cell.connections}`,
    kilobytes(budget.cell.bodyBytes),
    `${budget.isLeast ? "≥" : "≤"} ${budget.limit} ${budget.unit}`,
    ...compared.map((target) => verdict(budget, differences, target)),
  ]);
  return markdownTable([[...heading, ...compared.map((target) => NAMES[target])], ...rows]);
}

/** The verdict is on our filter alone; the others stand beside it as what there is to compare. */
function verdict(budget: Budget, differences: Difference[], target: Target): string {
  const setting = { endpoints: 4, indexKeys: 0 };
  const name = cellName(setting, budget.cell);
  const found = differences.find(
    (difference) => difference.target === target && cellName(difference, difference) === name,
  );
  if (!found) return "not measured";
  const value = budget.of(found);
  const word = isMet(budget, value) ? ", met" : ", **missed**";
  const isOurs = target === "pause" || target === "buffer";
  return `${figure(value)} ${budget.unit}${isOurs ? word : ""}${found.isDisturbed ? " *" : ""}`;
}

function wholeTable(differences: Difference[]): string {
  const heading = [
    ...["connections", "body", "", "p50 without, ms", "added p50", "added p90", "added p99"],
    ...["requests/s without", "with", "kept", "Envoy CPU a request without", "added"],
    ...["control plane or picker", "failed"],
  ];
  const rows = differences.map((difference) => [
    `${difference.connections}`,
    kilobytes(difference.bodyBytes),
    NAMES[difference.target] + (difference.isDisturbed ? " *" : ""),
    figure(difference.without.p50Ms),
    spread(difference.addedP50Ms),
    spread(difference.addedP90Ms),
    spread(difference.addedP99Ms),
    figure(difference.without.requestsPerSecond),
    figure(difference.with.requestsPerSecond),
    `${figure(difference.keptPercent.median)} %`,
    `${figure(difference.without.envoyUs)} µs`,
    `${spread(difference.addedEnvoyUs)} µs`,
    decider(difference),
    `${difference.failures}`,
  ]);
  return markdownTable([heading, ...rows]);
}

/** What does nothing has nobody who decides for it. */
function decider({ target, deciderUs }: Difference): string {
  return target === "noop" ? "–" : `${figure(deciderUs.median)} µs`;
}

function streamTable(differences: Difference[]): string {
  const heading = [
    ...["connections", "chunks", "counts", "", "Envoy CPU a chunk without", "added", "added, %"],
    ...["control plane or picker", "added p50 of the whole answer, ms", "failed"],
  ];
  const rows = differences.map((difference) => [
    `${difference.connections}`,
    difference.chunks.toLocaleString("en"),
    difference.asksUsage ? "asked for" : "not asked for",
    NAMES[difference.target] + (difference.isDisturbed ? " *" : ""),
    `${figure(difference.without.envoyUs)} µs`,
    `${spread(difference.addedEnvoyUs)} µs`,
    spread(difference.addedEnvoyPercent),
    decider(difference),
    spread(difference.addedP50Ms),
    `${difference.failures}`,
  ]);
  return markdownTable([heading, ...rows]);
}

function memoryTable(memories: GatewayMemory[]): string {
  const heading = [
    "group",
    "",
    "Envoy in memory",
    "added a worker",
    "linear memory of each machine",
  ];
  const rows = memories.map((memory) => [
    settingText(memory),
    NAMES[memory.target],
    megabytes(memory.residentBytes),
    megabytes(memory.addedWorkerBytes),
    memory.machineBytes.map(megabytes).join(", ") || "–",
  ]);
  return markdownTable([heading, ...rows]);
}

function indexTable(indexes: SpeedReport["indexes"]): string {
  const heading = ["group", "", "keys in each machine", "keys that found no room"];
  const rows = indexes.map((index) => [
    settingText(index),
    NAMES[index.target],
    index.keys.map((keys) => keys.toLocaleString("en")).join(", "),
    index.refusedKeys.toLocaleString("en"),
  ]);
  return markdownTable([heading, ...rows]);
}

function idleTable(idle: Idle[]): string {
  const percent = (value: number) => `${figure(value)} %`;
  const rows = idle.map(({ target, envoyPercent, deciderPercent }) => [
    NAMES[target],
    percent(envoyPercent),
    target === "plain" || target === "noop" ? "–" : percent(deciderPercent),
  ]);
  return markdownTable([["4 endpoints", "Envoy, of one core", "control plane or picker"], ...rows]);
}

function spread({ median, least, most }: Spread): string {
  return `${added(median)} (${figure(least)} to ${figure(most)})`;
}

const COLORS: { [target in Target]: string } = {
  plain: "#9e9e9e",
  noop: "#5b9a68",
  pause: "#2a78d6",
  buffer: "#e0861a",
  ext_proc: "#b0413e",
};

/** Envoy's CPU a request, which decides how many requests a core serves. */
export function speedChart({ differences }: SpeedReport): string {
  const isShown = ({ prompts, chunks, endpoints, indexKeys }: Cell & Setting) =>
    prompts === "unique" && chunks === 0 && endpoints === 4 && indexKeys === 0;
  const cells = Map.groupBy(
    differences.filter(isShown),
    ({ connections, bodyBytes }) => `${connections} connections, ${kilobytes(bodyBytes)}`,
  );
  const bar = (target: Target, value: number) => ({
    ...{ name: NAMES[target], value, color: COLORS[target] },
  });
  const groups = [...cells].map(([name, compared]): BarChart["groups"][number] => ({
    name,
    bars: [
      ...compared.slice(0, 1).map(({ without }) => bar("plain", without.envoyUs)),
      ...compared.map((difference) => bar(difference.target, difference.with.envoyUs)),
    ],
  }));
  return barChart({ title: "Envoy's CPU time a request", unit: "µs", groups });
}
