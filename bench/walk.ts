// npm run bench:walk: how fast the shipped filter reads bodies, and what a request asks of its host.

import { Command } from "commander";
import { buildFilter } from "../start/build-filter.ts";
import { describeMachine, type Machine, machineText } from "./measure/machine.ts";
import { writeResults } from "./report/files.ts";
import { figure, kilobytes, markdownTable } from "./report/table.ts";
import { type CallCount, hostCallsOf, measureRequests, type RequestTime } from "./walk/requests.ts";
import { measureThroughput, type Throughput } from "./walk/throughput.ts";

export interface WalkPlan {
  rounds: number;
  roundMs: number;
  endpoints: number[];
  /** For each count of endpoints. */
  requests: number;
}

export interface WalkReport {
  machine: Machine;
  plan: WalkPlan;
  throughput: Throughput[];
  requests: RequestTime[];
  /** Of one request with a body of 100 KB. */
  hostCalls: CallCount[];
}

export async function measureWalk(plan: WalkPlan): Promise<WalkReport> {
  const launch = { say: () => {}, signal: new AbortController().signal };
  const filterPath = await buildFilter(launch);
  return {
    machine: describeMachine(undefined, filterPath),
    plan,
    throughput: await measureThroughput(plan.rounds, plan.roundMs),
    requests: measureRequests(plan.endpoints, plan.requests),
    hostCalls: hostCallsOf(102_400),
  };
}

export function walkText(report: WalkReport): string {
  const { machine, plan, throughput, requests, hostCalls } = report;
  const total = (of: (call: CallCount) => number) =>
    hostCalls.reduce((sum, call) => sum + of(call), 0).toLocaleString("en");
  return [
    "# How fast the filter reads",
    `${machineText(machine)} The best of ${plan.rounds} rounds of ${plan.roundMs} ms; ` +
      `medians of ${plan.requests} requests a row. Method: [README](../README.md).`,
    "## The walk alone",
    markdownTable([
      ["body", "bytes", "walk", "one walk", "median", "a copy of the same bytes"],
      ...throughput.map((row) => [
        row.name,
        row.bytes.toLocaleString("en"),
        `${figure(row.walkGbPerSecond)} GB/s`,
        `${figure(row.walkUs)} µs`,
        `${figure(row.medianUs)} µs`,
        `${figure(row.copyGbPerSecond)} GB/s`,
      ]),
    ]),
    "## Whole requests under the host emulator",
    markdownTable([
      ["endpoints", "body", "prompts", "a request"],
      ...requests.map((row) => [
        `${row.endpoints}`,
        kilobytes(row.bodyBytes),
        row.prompts,
        `${figure(row.requestUs)} µs`,
      ]),
    ]),
    "## Host calls of one request with a body of 100 KB",
    markdownTable([
      ["callback", "host call", "times", "bytes copied"],
      ...hostCalls.map(({ callback, call, count, copiedBytes }) => [
        `\`${callback}\``,
        `\`${call}\``,
        `${count}`,
        copiedBytes.toLocaleString("en"),
      ]),
      ["all", "", total((call) => call.count), total((call) => call.copiedBytes)],
    ]),
  ].join("\n\n");
}

if (import.meta.main) {
  const { out } = new Command("npm run bench:walk --")
    .description("Measures the walk over request bodies in Node's V8, with no Envoy.")
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<{ out?: string }>();
  const plan = { rounds: 31, roundMs: 100, endpoints: [4, 64, 512], requests: 1000 };
  const report = await measureWalk(plan);
  const text = walkText(report);
  writeResults("walk", { data: report, text }, out);
  console.log(text);
}
