// The report of a run: the goals beside what was measured, then every figure of every suite.

import type { Machine } from "../measure/machine.ts";
import { barChart } from "../report/bar-chart.ts";
import { figure, markdownTable } from "../report/table.ts";
import { ablationText } from "./ablation.ts";
import { hardText } from "./hard-report.ts";
import { robustnessText } from "./robustness.ts";
import type { Measured, Result } from "./runs.ts";
import { BASELINE, HINTWAY, LOADS, ORACLES, type Suite } from "./suites.ts";
import {
  labelsOf,
  type Metric,
  meanOf,
  policiesOf,
  ratioOf,
  ratiosBySeed,
  type Standing,
  standings,
} from "./summary.ts";

export interface QualityReport {
  machine: Machine;
  seeds: number;
  suites: readonly Suite[];
  results: readonly Result[];
}

/** Of the upstream default's time to first token, at moderate and high load. */
const RATIO_GOAL = 0.48;
/** Past saturation, of the best policy's mean. */
const PAST_GOAL = 1.5;
const PAST = LOADS[2];
const METRICS: readonly (readonly [Metric, string])[] = [
  ["ttft_mean", "time to first token, mean, s"],
  ["ttft_p50", "time to first token, p50, s"],
  ["ttft_p90", "time to first token, p90, s"],
  ["ttft_p99", "time to first token, p99, s"],
  ["e2e_mean", "whole answer, mean, s"],
  ["hit", "share of prompt tokens found cached"],
  ["imbalance", "requests on the fullest endpoint over the mean"],
  ["good", "share of requests within the SLO (first token in 2 s, then 0.1 s a token)"],
];
const BRIEF: ReadonlySet<Metric> = new Set(["ttft_mean", "ttft_p90", "hit"]);

export function qualityText(report: QualityReport): string {
  const { machine, seeds, suites, results } = report;
  return [
    "# How good the picks are",
    `${measuredText(machine, results)} ${seedsText(seeds, results)} Method and limits: [README](../README.md).`,
    ...suites.flatMap((suite) => {
      const own = results.filter(({ suite: name }) => name === suite.name);
      return own.length === 0 ? [] : suiteText(suite, own);
    }),
  ].join("\n\n");
}

/** Runs may be kept from before: when and by what the first and the last were measured. */
function measuredText({ at, commit, filter, node }: Machine, results: readonly Result[]): string {
  const each = (name: keyof Measured) => [
    ...new Set(results.map(({ measured }) => measured[name]).sort()),
  ];
  const moments = each("at");
  const span = moments.length > 1 ? `${moments[0]} to ${moments.at(-1)}` : moments[0];
  const measured =
    results.length === 0
      ? ""
      : ` Measured ${span} UTC at commit ${each("commit").join(", ")} on ` +
        `${each("processors").join("; ")}.`;
  return `Reported ${at} UTC at commit ${commit} (filter ${filter}), Node ${node}.${measured}`;
}

function seedsText(seeds: number, results: readonly Result[]): string {
  if (seeds === 1) return "One seed.";
  const fewer = policiesOf(results).filter((policy) => leastSeeds(results, policy) < seeds);
  const except = fewer.length === 0 ? "" : `, of some cells of ${fewer.join(" and ")} fewer`;
  return `Means over ${seeds} seeds${except}.`;
}

function leastSeeds(results: readonly Result[], policy: string): number {
  const own = results.filter((one) => one.policy === policy);
  const cells = Map.groupBy(own, ({ suite, cell }) => `${suite} ${cell.label}`);
  return Math.min(...[...cells.values()].map(({ length }) => length));
}

/** Suites whose tables are of their own kind. */
const TEXTS: Record<string, (results: readonly Result[]) => string[]> = {
  hard: hardText,
  ablation: ablationText,
  robustness: robustnessText,
};

function suiteText(suite: Suite, results: readonly Result[]): string[] {
  const title = `## ${suite.name}: ${suite.about}`;
  const text = TEXTS[suite.name];
  if (text) return [title, ...text(results)];
  const isMain = suite.name === "main";
  const shown = METRICS.filter(([metric]) => isMain || BRIEF.has(metric));
  return [
    title,
    ...(isMain ? goals(results) : []),
    ...shown.flatMap(([metric, name]) => [`### ${name}`, figuresTable(results, metric)]),
  ];
}

function figuresTable(results: readonly Result[], metric: Metric): string {
  const labels = labelsOf(results);
  return markdownTable([
    ["policy", ...labels],
    ...policiesOf(results).map((policy) => [
      policy,
      ...labels.map((label) => figure(meanOf(results, label, policy, metric))),
    ]),
  ]);
}

function goals(results: readonly Result[]): string[] {
  const within = labelsOf(results).filter((label) => !label.endsWith(PAST));
  const past = labelsOf(results).filter((label) => label.endsWith(PAST));
  const rivals = rivalsOf(results);
  return [
    "### Goals",
    ratiosTable(results, within),
    `Goal: ${HINTWAY} at most ${RATIO_GOAL} of ${BASELINE} (geometric mean over the cells at ` +
      "moderate and high load), and the best in every one of them:",
    standingsTable(results, within, rivals, 1),
    `Goal past saturation: never beyond ${PAST_GOAL} times the best policy's mean.`,
    standingsTable(results, past, rivals, PAST_GOAL, ["ttft_mean"]),
  ];
}

/** Whom Hintway is compared with: real routers, and not the Python text of its own cost. */
function rivalsOf(results: readonly Result[]): string[] {
  return policiesOf(results).filter((policy) => !ORACLES.has(policy) && !isOurs(policy));
}

function isOurs(policy: string): boolean {
  return policy.startsWith(HINTWAY) || policy.startsWith("tokencost");
}

function ratiosTable(results: readonly Result[], labels: readonly string[]): string {
  const metrics: readonly Metric[] = ["ttft_mean", "ttft_p90", "e2e_mean"];
  const rows = policiesOf(results).map((policy) => ({
    policy,
    ratios: metrics.map((metric) => ratioOf(results, labels, policy, BASELINE, metric)),
  }));
  rows.sort((a, b) => (a.ratios[0] ?? 0) - (b.ratios[0] ?? 0));
  return markdownTable([
    [`over ${BASELINE}`, "first token, mean", "first token, p90", "whole answer, mean"],
    ...rows.map(({ policy, ratios }) => [policy, ...ratios.map(figure)]),
  ]);
}

function standingsTable(
  results: readonly Result[],
  labels: readonly string[],
  rivals: readonly string[],
  goal: number,
  metrics: readonly Metric[] = ["ttft_mean", "ttft_p90"],
): string {
  const row = (metric: Metric, standing: Standing) => [
    standing.label,
    metric === "ttft_mean" ? "mean" : "p90",
    `${figure(standing.value)} s`,
    `${figure(standing.bestValue)} s`,
    standing.best,
    figure(standing.value / standing.bestValue),
    spread(ratiosBySeed(results, standing.label, [HINTWAY, standing.best], metric)),
    standing.value <= goal * standing.bestValue ? "met" : "**missed**",
  ];
  return markdownTable([
    ["cell", "first token", HINTWAY, "best of the others", "which", "ratio", "by seed", ""],
    ...metrics.flatMap((metric) =>
      standings(results, labels, HINTWAY, rivals, metric).map((one) => row(metric, one)),
    ),
  ]);
}

/** The least and the most. */
function spread(values: readonly number[]): string {
  return `${figure(values[0] ?? Number.NaN)} to ${figure(values.at(-1) ?? Number.NaN)}`;
}

const OWN_COLOR = "#2f7ed8";
const OTHER_COLOR = "#a0a0a0";

/** First token over the baseline's, a bar each policy. */
export function qualityChart(results: readonly Result[]): string | undefined {
  const main = results.filter(({ suite }) => suite === "main");
  const labels = labelsOf(main).filter((label) => !label.endsWith(PAST));
  if (labels.length === 0) return undefined;
  const group = (name: string, metric: Metric) => ({
    name,
    bars: policiesOf(main)
      .map((policy) => ({
        name: policy,
        value: ratioOf(main, labels, policy, BASELINE, metric),
        color: policy === HINTWAY ? OWN_COLOR : OTHER_COLOR,
      }))
      .sort((a, b) => a.value - b.value),
  });
  return barChart({
    title: `Time to first token over ${BASELINE}'s (geometric mean of moderate and high load)`,
    unit: "",
    groups: [group("mean", "ttft_mean"), group("p90", "ttft_p90")],
  });
}
