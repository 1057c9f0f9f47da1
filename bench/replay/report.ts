// The report of a replay: each workload's ways of picking, as they came out and as simulated.

import { type Machine, machineText } from "../measure/machine.ts";
import { figure, markdownTable } from "../report/table.ts";
import { ENGINES, GATEWAYS, PROFILE, TARGETS, WORKERS } from "./gateways.ts";
import type { Played } from "./play.ts";
import type { Scaled } from "./trace.ts";

/** A trace's beginning, and how much faster than it would be it is played. */
export interface Workload extends Scaled {
  speed: number;
}

/** What the routing simulator says of the same requests, means over seeds. */
export interface Foretold {
  firstMean: number;
  /** Of the seeds. */
  firstLeast: number;
  firstMost: number;
  firstP90: number;
  wholeMean: number;
  hit: number;
}

export interface Way {
  machine: Machine;
  workload: Workload;
  target: string;
  played: Played;
  foretold: Foretold;
}

export interface ReplayReport {
  ways: readonly Way[];
}

/** A report in which another run's workloads stand in for those that this one left out. */
export function merged(report: ReplayReport, earlier: ReplayReport): ReplayReport {
  const isNew = (way: Way) => report.ways.some((one) => nameOf(one) === nameOf(way));
  return { ways: [...report.ways, ...earlier.ways.filter((way) => !isNew(way))] };
}

function nameOf({ workload }: Way): string {
  return workload.trace;
}

export function replayText({ ways }: ReplayReport): string {
  const names = [...new Set(ways.map(nameOf))].sort();
  return [
    "# Traces replayed through real gateways",
    `${GATEWAYS} gateways of ${WORKERS} workers, ${ENGINES} simulated model ` +
      `servers (${PROFILE}). Seconds are the trace's. Method: [README](../README.md).`,
    rankings(names, ways),
    ...names.flatMap((name) => {
      const own = ways.filter((way) => nameOf(way) === name);
      return own[0] ? [titleOf(own[0]), machineText(own[0].machine), waysTable(own)] : [];
    }),
  ].join("\n\n");
}

function titleOf({ workload }: Way): string {
  const { trace, limit, rate, pauses, speed } = workload;
  const paused = pauses === undefined ? "" : `, pauses ÷ ${pauses}`;
  return `## ${trace}: ${limit} requests, arrivals ÷ ${rate}${paused}, ${speed} times as fast`;
}

function rankings(names: readonly string[], ways: readonly Way[]): string {
  const rows = names.map((name) => {
    const own = ways.filter((way) => nameOf(way) === name);
    const real = ranking(own, ({ played }) => played.firstMean);
    const simulated = ranking(own, ({ foretold }) => foretold.firstMean);
    return [name, real, simulated, real === simulated ? "yes" : "**no**"];
  });
  return markdownTable([
    ["by mean time to first token", "best to worst here", "in the routing simulator", "the same"],
    ...rows,
  ]);
}

function ranking(ways: readonly Way[], value: (way: Way) => number): string {
  return ways
    .toSorted((a, b) => value(a) - value(b))
    .map(({ target }) => target)
    .join(", ");
}

function waysTable(ways: readonly Way[]): string {
  const plain = ways.find(({ target }) => target === TARGETS[0]?.name);
  const over = (value: number, base: number | undefined) => figure(value / (base ?? Number.NaN));
  const both = (real: number, simulated: number) => [figure(real), figure(simulated)];
  return markdownTable([
    [
      ...["way of picking", "first token, mean, s", "simulated", "by seed"],
      ...["over round robin", "simulated", "first token, p90, s", "simulated"],
      ...["whole answer, mean, s", "simulated", "share found cached", "simulated"],
      ...["failed", "sent late, p99, s", "CPUs in use"],
    ],
    ...ways.map(({ target, played, foretold }) => [
      target,
      ...both(played.firstMean, foretold.firstMean),
      `${figure(foretold.firstLeast)} to ${figure(foretold.firstMost)}`,
      over(played.firstMean, plain?.played.firstMean),
      over(foretold.firstMean, plain?.foretold.firstMean),
      ...both(played.firstP90, foretold.firstP90),
      ...both(played.wholeMean, foretold.wholeMean),
      ...both(played.hit, foretold.hit),
      `${played.failures}`,
      figure(played.lateP99),
      `${Math.round(100 * played.busy)} %`,
    ]),
  ]);
}
