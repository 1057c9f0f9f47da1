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
  const own = results.filter((one) => one.cell.label === label && one.policy === policy);
  return own.reduce((sum, { figures }) => sum + (figures[metric] ?? 0), 0) / own.length;
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
