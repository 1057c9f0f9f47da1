// What many runs come to: means over seeds, and how policies compare over cells.
import type { Figures, Result } from "./runs.ts";

export type Metric = Exclude<keyof Figures, "wall_s">;

/** Mean over seeds of one figure; NaN without a result. */
export function meanOf(
  results: readonly Result[],
  label: string,
  policy: string,
  metric: Metric,
): number {
  return meanBy(results, label, policy, (figures) => figures[metric] ?? 0);
}

/** The same of what is reckoned from a run's figures. */
export function meanBy(
  results: readonly Result[],
  label: string,
  policy: string,
  value: (figures: Figures) => number,
): number {
  const own = results.filter((one) => one.cell.label === label && one.policy === policy);
  return own.reduce((sum, { figures }) => sum + value(figures), 0) / own.length;
}

/** One figure of each seed over another policy's of the same seed, the least first. */
export function ratiosBySeed(
  results: readonly Result[],
  label: string,
  [policy, other]: readonly [string, string],
  metric: Metric,
): number[] {
  const own = (name: string) =>
    results.filter((one) => one.cell.label === label && one.policy === name);
  const others = new Map(own(other).map(({ seed, figures }) => [seed, figures[metric] ?? 0]));
  return own(policy)
    .map(({ seed, figures }) => (figures[metric] ?? 0) / (others.get(seed) ?? Number.NaN))
    .sort((a, b) => a - b);
}

/** Geometric mean over cells of policy / baseline. */
export function ratioOf(
  results: readonly Result[],
  labels: readonly string[],
  policy: string,
  baseline: string,
  metric: Metric,
): number {
  const logs = labels.map((label) =>
    Math.log(meanOf(results, label, policy, metric) / meanOf(results, label, baseline, metric)),
  );
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}

export interface Standing {
  label: string;
  value: number;
  best: string;
  bestValue: number;
}

/** Where a policy stands in each cell, next to the best of the others. */
export function standings(
  results: readonly Result[],
  labels: readonly string[],
  policy: string,
  rivals: readonly string[],
  metric: Metric,
): Standing[] {
  return labels.map((label) => {
    const values = rivals.map((rival) => meanOf(results, label, rival, metric));
    const bestValue = Math.min(...values);
    const best = rivals[values.indexOf(bestValue)] ?? "";
    return { label, value: meanOf(results, label, policy, metric), best, bestValue };
  });
}

export function labelsOf(results: readonly Result[]): string[] {
  return [...new Set(results.map(({ cell }) => cell.label))];
}

export function policiesOf(results: readonly Result[]): string[] {
  return [...new Set(results.map(({ policy }) => policy))];
}
