// npm run bench:disaggregation: what Hintway's two legs cost beyond a client's that asks both servers.

import { Command } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import {
  type Cell,
  FLOWS,
  type Flow,
  measureDisaggregation,
  type Pace,
  type Plan,
} from "./disaggregation/measure.ts";
import { describeMachine, type Machine, machineText } from "./measure/machine.ts";
import { writeResults } from "./report/files.ts";
import { added, figure, kilobytes, markdownTable } from "./report/table.ts";
import { ownFilter } from "./speed/gateways.ts";

const ADDED_BUDGET_MS = 0.2;

const INSTANT: Pace = { prefillMs: 0, decodeMs: 0, requests: 600 };
/** So long that 32 connections keep less than half of two CPUs busy: a latency, no queue. */
const TAKING_TIME: Pace = { prefillMs: 40, decodeMs: 10, requests: 60 };

export interface DisaggregationReport {
  machine: Machine;
  plan: Plan;
  cells: Cell[];
}

export function disaggregationText({ machine, plan, cells }: DisaggregationReport): string {
  return [
    "# Two legs through the gateway",
    machineText(machine),
    `Medians of ${plan.rounds} rounds each way, in turns; every prompt is ` +
      "new. The direct client asks both servers itself; the sidecar's stand-in does so too, but its decode leg " +
      "passes an Envoy without the filter, as it does where a sidecar stands behind a gateway. The budget is " +
      "against the direct one; what that Envoy alone adds to it stands beside.",
    ...FLOWS.flatMap((flow) =>
      plan.paces.flatMap((pace) => [
        `## ${FLOW_TITLES[flow]}: ${titleOf(pace)}`,
        tableOf(cells.filter((cell) => cell.flow === flow && cell.pace === pace)),
      ]),
    ),
  ].join("\n\n");
}

const FLOW_TITLES: Record<Flow, string> = {
  serial: "One leg after the other",
  joined: "Both legs at once",
};

function titleOf({ prefillMs, decodeMs }: Pace): string {
  return prefillMs + decodeMs > 0
    ? `servers that take time: prefill answers after ${prefillMs} ms, decode after ${decodeMs} ms`
    : "instant servers: many connections saturate the CPUs that all parts share";
}

function tableOf(cells: readonly Cell[]): string {
  return markdownTable([
    [
      ...["connections", "body", "direct p50 / p99 ms", "sidecar behind Envoy p50 / p99 ms"],
      ...["gateway p50 / p99 ms", "Envoy without the filter adds, p50 ms"],
      ...["added to the sidecar's p50 ms", "added to the direct p50 ms", "budget", ""],
    ],
    ...cells.map(({ connections, bodyBytes, direct, behindEnvoy, gateway }) => {
      const more = gateway.p50Ms - direct.p50Ms;
      return [
        ...[`${connections}`, kilobytes(bodyBytes)],
        ...[direct, behindEnvoy, gateway].map(
          ({ p50Ms, p99Ms }) => `${figure(p50Ms)} / ${figure(p99Ms)}`,
        ),
        added(behindEnvoy.p50Ms - direct.p50Ms),
        added(gateway.p50Ms - behindEnvoy.p50Ms),
        ...[added(more), `≤ ${ADDED_BUDGET_MS}`, more <= ADDED_BUDGET_MS ? "met" : "**missed**"],
      ];
    }),
  ]);
}

if (import.meta.main) {
  const { out } = new Command("npm run bench:disaggregation --")
    .description("Measures what two legs through the gateway cost beyond two legs without it.")
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<{ out?: string }>();
  const sizes = [1024, 100 * 1024];
  const plan = { rounds: 5, paces: [INSTANT, TAKING_TIME], connections: [1, 32], bodyBytes: sizes };
  const launch = { say: console.log, signal: new AbortController().signal };
  const machine = describeMachine(await findEnvoy(process.env, launch), await ownFilter());
  const report = { machine, plan, cells: await measureDisaggregation(plan) };
  const text = disaggregationText(report);
  writeResults("disaggregation", { data: report, text }, out);
  console.log(text);
}
