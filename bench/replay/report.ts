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

/** What the routing simulator says of the same requests. */
export interface Foretold {
  firstMean: number;
  firstP90: number;
  wholeMean: number;
  hit: number;
}

export interface Way {
  workload: Workload;
  target: string;
  played: Played;
  foretold: Foretold;
}

export interface ReplayReport {
  machine: Machine;
  ways: readonly Way[];
}

export function replayText({ machine, ways }: ReplayReport): string {
  const workloads = [...new Set(ways.map(({ workload }) => workload))];
  return [
    "# Traces replayed through real gateways",
    `${machineText(machine)} ${GATEWAYS} gateways of ${WORKERS} workers, ${ENGINES} simulated model ` +
      `servers (${PROFILE}). Seconds are the trace's. Method: [README](../README.md).`,
    rankings(workloads, ways),
    ...workloads.flatMap((workload) => {
      const own = ways.filter((way) => way.workload === workload);
      return [`## ${titleOf(workload)}`, waysTable(own)];
    }),
  ].join("\n\n");
}

function titleOf({ trace, limit, rate, pauses, speed }: Workload): string {
  const paused = pauses === undefined ? "" : `, pauses ÷ ${pauses}`;
  return `${trace}: ${limit} requests, arrivals ÷ ${rate}${paused}, ${speed} times as fast`;
}

function rankings(workloads: readonly Workload[], ways: readonly Way[]): string {
  const rows = workloads.map((workload) => {
    const own = ways.filter((way) => way.workload === workload);
    const real = ranking(own, ({ played }) => played.firstMean);
    const simulated = ranking(own, ({ foretold }) => foretold.firstMean);
    return [workload.trace, real, simulated, real === simulated ? "yes" : "**no**"];
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
      ...["way of picking", "first token, mean, s", "simulated"],
      ...["over round robin", "simulated", "first token, p90, s", "simulated"],
      ...["whole answer, mean, s", "simulated", "share found cached", "simulated"],
      ...["failed", "sent late, p99, s", "CPUs in use"],
    ],
    ...ways.map(({ target, played, foretold }) => [
      target,
      ...both(played.firstMean, foretold.firstMean),
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
