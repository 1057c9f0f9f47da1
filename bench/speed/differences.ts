// With something in Envoy minus without it: differences within each round, then their median and
// spread.

import { median } from "../measure/quantiles.ts";
import type { Sample } from "./cells.ts";
import type { Target } from "./gateways.ts";
import { type Cell, cellName, type Setting } from "./plan.ts";

export interface Spread {
  median: number;
  least: number;
  most: number;
}

/** One cell of one target. */
export interface Difference extends Cell, Setting {
  target: Target;
  addedP50Ms: Spread;
  addedP90Ms: Spread;
  addedP99Ms: Spread;
  keptPercent: Spread;
  /** CPU time of Envoy's own process a request; with streams, a chunk. */
  addedEnvoyUs: Spread;
  /** The same as a share of what it is without. */
  addedEnvoyPercent: Spread;
  /** CPU time of the control plane or picker a request (a chunk); nothing is subtracted from it. */
  deciderUs: Spread;
  without: Medians;
  with: Medians;
  failures: number;
  /** Rounds counted, and rounds measured. */
  roundsCounted: number;
  rounds: number;
  /** Other processes took too much in every round, so all of them are counted. */
  isDisturbed: boolean;
}

interface Medians {
  p50Ms: number;
  p99Ms: number;
  requestsPerSecond: number;
  envoyUs: number;
}

export const COMPARED: readonly Target[] = ["noop", "pause", "buffer", "ext_proc"];

/** A difference for each cell and each target but `plain`, in the order of the samples. */
export function differencesOf(samples: readonly Sample[]): Difference[] {
  const groups = Map.groupBy(samples, (sample) => cellName(sample, sample));
  return [...groups.values()].flatMap((group) => {
    const measured = new Set(group.map((sample) => sample.target));
    return COMPARED.filter((target) => measured.has(target)).map((target) =>
      differenceOf(group, target),
    );
  });
}

interface Pair {
  without: Sample;
  with: Sample;
}

function differenceOf(group: Sample[], target: Target): Difference {
  const pairs = pairsOf(group, target);
  const quiet = pairs.filter((pair) => !pair.without.isDisturbed && !pair.with.isDisturbed);
  const counted = quiet.length > 0 ? quiet : pairs;
  const spread = (of: (pair: Pair) => number) => spreadOf(counted.map(of));
  const { bodyBytes, connections, prompts, chunks, asksUsage, endpoints, indexKeys } =
    group[0] as Sample;
  const addedUs = (pair: Pair) => processorUs(pair.with) - processorUs(pair.without);
  return {
    ...{ bodyBytes, connections, prompts, chunks, asksUsage, endpoints, indexKeys, target },
    addedP50Ms: spread((pair) => pair.with.measured.p50Ms - pair.without.measured.p50Ms),
    addedP90Ms: spread((pair) => pair.with.measured.p90Ms - pair.without.measured.p90Ms),
    addedP99Ms: spread((pair) => pair.with.measured.p99Ms - pair.without.measured.p99Ms),
    keptPercent: spread((pair) => 100 * (rate(pair.with) / rate(pair.without))),
    addedEnvoyUs: spread(addedUs),
    addedEnvoyPercent: spread((pair) => (100 * addedUs(pair)) / processorUs(pair.without)),
    deciderUs: spread((pair) => processorUs(pair.with, "decider")),
    without: mediansOf(counted.map((pair) => pair.without)),
    with: mediansOf(counted.map((pair) => pair.with)),
    failures: sum(
      pairs.map((pair) => pair.with.measured.failures + pair.without.measured.failures),
    ),
    roundsCounted: counted.length,
    rounds: pairs.length,
    isDisturbed: quiet.length === 0,
  };
}

function pairsOf(group: Sample[], target: Target): Pair[] {
  const inRound = (of: Target, round: number) =>
    group.find((sample) => sample.target === of && sample.round === round);
  const rounds = [...new Set(group.map((sample) => sample.round))];
  return rounds.flatMap((round) => {
    const pair = { without: inRound("plain", round), with: inRound(target, round) };
    return pair.without && pair.with ? [pair as Pair] : [];
  });
}

function rate(sample: Sample): number {
  return sample.measured.requestsPerSecond;
}

/** CPU time of a process a request, or a chunk, in microseconds. */
function processorUs({ measured, chunks }: Sample, process = "envoy"): number {
  const count = chunks > 0 ? measured.chunks : measured.requests;
  return ((measured.usage.processes[process] ?? 0) * 1e6) / Math.max(1, count);
}

function mediansOf(samples: Sample[]): Medians {
  const of = (read: (sample: Sample) => number) => median(samples.map(read));
  return {
    p50Ms: of((sample) => sample.measured.p50Ms),
    p99Ms: of((sample) => sample.measured.p99Ms),
    requestsPerSecond: of(rate),
    envoyUs: of((sample) => processorUs(sample)),
  };
}

function spreadOf(values: number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
