// The results of bench:speed as text and chart.

import { type Machine, machineText } from "../measure/machine.ts";
import { median } from "../measure/quantiles.ts";
import { type BarChart, barChart } from "../report/bar-chart.ts";
import { added, figure, kilobytes, markdownTable } from "../report/table.ts";
import { BUDGETS, type Budget, isMet } from "./budgets.ts";
import { OTHERS_SHARE_MAX, type Plan } from "./cells.ts";
import type { Difference, Spread } from "./differences.ts";
import type { Idle } from "./idle.ts";
import type { IndexSize } from "./index-size.ts";

export interface SpeedReport {
  machine: Machine;
  plan: Plan;
  differences: Difference[];
  idle: Idle[];
  indexes: IndexSize[];
  /** Of a fixed piece of work, before each cell. */
  workMs: number[];
}

export function speedText(report: SpeedReport): string {
  const { machine, plan, differences, idle, indexes, workMs } = report;
  const whole = differences.filter((difference) => difference.chunks === 0);
  const streamed = differences.filter((difference) => difference.chunks > 0);
  return [
    "# What the filter costs",
    `${machineText(machine)} ${plan.rounds} rounds of ${plan.seconds} s a cell; medians, with ` +
      "least and most of the rounds in brackets. `*`: other processes took more than " +
      `${OTHERS_SHARE_MAX * 100} % of the CPUs in every round. Method: [README](../README.md).`,
    `A fixed piece of work before each cell took ${figure(median(workMs))} ms (median; ` +
      `${figure(Math.min(...workMs))} to ${figure(Math.max(...workMs))}): the machine's own speed ` +
      "varied so much.",
    "## Budgets",
    budgetTable(differences),
    ...plan.prompts.flatMap((prompts) => [
      `## ${prompts === "unique" ? "Prompts never repeated" : "One prompt repeated"}`,
      wholeTable(whole.filter((difference) => difference.prompts === prompts)),
    ]),
    ...(streamed.length > 0 ? ["## Streamed answers", streamTable(streamed)] : []),
    "## Without any request",
    idleTable(idle),
    "## The index after the run",
    indexTable(indexes),
  ].join("\n\n");
}

function budgetTable(differences: Difference[]): string {
  const heading = ["figure", "connections", "body", "budget", "pause", "buffer"];
  const rows = BUDGETS.map((budget) => [
    budget.what,
    `${budget.connections}`,
    kilobytes(budget.bodyBytes),
    `${budget.isLeast ? "≥" : "≤"} ${budget.limit} ${budget.unit}`,
    verdict(budget, differences, "pause"),
    verdict(budget, differences, "buffer"),
  ]);
  return markdownTable([heading, ...rows]);
}

/** Budgets are for prompts that are never repeated, the dearer kind. */
function verdict(budget: Budget, differences: Difference[], target: string): string {
  const { connections, bodyBytes, unit } = budget;
  const found = differences.find(
    (difference) =>
      difference.target === target &&
      difference.prompts === "unique" &&
      difference.chunks === 0 &&
      difference.connections === connections &&
      difference.bodyBytes === bodyBytes,
  );
  if (!found) return "not measured";
  const value = budget.of(found);
  const word = isMet(budget, value) ? "met" : "**missed**";
  return `${figure(value)} ${unit}, ${word}${found.isDisturbed ? " *" : ""}`;
}

function wholeTable(differences: Difference[]): string {
  const heading = [
    ...["connections", "body", "attachment", "p50 without, ms", "added p50", "added p99"],
    ...["requests/s without", "with", "kept", "Envoy CPU a request without", "added"],
    ...["control plane", "failed"],
  ];
  const rows = differences.map((difference) => [
    `${difference.connections}`,
    kilobytes(difference.bodyBytes),
    difference.target + (difference.isDisturbed ? " *" : ""),
    figure(difference.without.p50Ms),
    spread(difference.addedP50Ms),
    spread(difference.addedP99Ms),
    figure(difference.without.requestsPerSecond),
    figure(difference.with.requestsPerSecond),
    `${figure(difference.keptPercent.median)} %`,
    `${figure(difference.without.envoyUs)} µs`,
    `${spread(difference.addedEnvoyUs)} µs`,
    `${figure(difference.controlPlaneUs.median)} µs`,
    `${difference.failures}`,
  ]);
  return markdownTable([heading, ...rows]);
}

function streamTable(differences: Difference[]): string {
  const heading = [
    ...["connections", "chunks", "attachment", "Envoy CPU a chunk without", "added"],
    ...["added p50 of the whole answer, ms", "failed"],
  ];
  const rows = differences.map((difference) => [
    `${difference.connections}`,
    `${difference.chunks}`,
    difference.target + (difference.isDisturbed ? " *" : ""),
    `${figure(difference.without.envoyUs)} µs`,
    `${spread(difference.addedEnvoyUs)} µs`,
    spread(difference.addedP50Ms),
    `${difference.failures}`,
  ]);
  return markdownTable([heading, ...rows]);
}

function idleTable(idle: Idle[]): string {
  const rows = idle.map(({ name, corePercent }) => [name, `${figure(corePercent)} %`]);
  return markdownTable([["process", "of one core"], ...rows]);
}

function indexTable(indexes: IndexSize[]): string {
  const heading = ["attachment", "keys over all virtual machines", "keys that found no room"];
  const rows = indexes.map(({ target, keys, refusedKeys }) => [
    target,
    keys.toLocaleString("en"),
    refusedKeys.toLocaleString("en"),
  ]);
  return markdownTable([heading, ...rows]);
}

function spread({ median, least, most }: Spread): string {
  return `${added(median)} (${figure(least)} to ${figure(most)})`;
}

const COLORS = { without: "#9e9e9e", pause: "#2a78d6", buffer: "#e0861a" };

/** Envoy's CPU a request under 32 connections, which decides how many requests a core serves. */
export function speedChart({ differences }: SpeedReport): string {
  const shown = differences.filter(({ prompts, chunks }) => prompts === "unique" && chunks === 0);
  const cells = Map.groupBy(
    shown,
    ({ connections, bodyBytes }) => `${connections} connections, ${kilobytes(bodyBytes)}`,
  );
  const groups = [...cells].map(([name, [first, ...others]]): BarChart["groups"][number] => ({
    name,
    bars: first
      ? [
          { name: "without", value: first.without.envoyUs, color: COLORS.without },
          ...[first, ...others].map(({ target, with: { envoyUs } }) => ({
            ...{ name: target, value: envoyUs },
            color: target === "buffer" ? COLORS.buffer : COLORS.pause,
          })),
        ]
      : [],
  }));
  return barChart({ title: "Envoy's CPU time a request", unit: "µs", groups });
}
