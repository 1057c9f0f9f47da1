// The results of bench:calls as text.

import { type Machine, machineText } from "../measure/machine.ts";
import { median } from "../measure/quantiles.ts";
import { added, figure, kilobytes, markdownTable } from "../report/table.ts";
import { chunkLimitPercent, requestLimitUs } from "../speed/budgets.ts";
import type { Spread } from "../speed/differences.ts";
import type { CallCount } from "../walk/requests.ts";
import { NOOP, PLAIN, SHIPPED, UNREAD } from "./gateways.ts";
import { type Costs, differenceOf, envoyUsOf, type Pace } from "./measure.ts";
import { HELD_AND_NAMED, MESSAGE, type Variant } from "./variants.ts";

export interface CallsReport {
  machine: Machine;
  pace: Pace;
  variants: readonly Variant[];
  smallRounds: Costs[];
  largeRounds: Costs[];
  /** Streamed answers that tell no token counts, and such that do. */
  silentRounds: Costs[];
  toldRounds: Costs[];
  /** What a gateway's machines take in a second to tick every 5 ms and do nothing. */
  ticksUs: number;
  /** Of one request with a body of 1 KB and of 100 KB. */
  smallCalls: CallCount[];
  largeCalls: CallCount[];
}

/** Two workers tell each other and the main thread's machine, once a tick of 5 ms. */
const MESSAGES_A_SECOND = 2 * 2 * 200;
const CONNECTIONS = 32;

export function callsText(report: CallsReport): string {
  const { machine, pace } = report;
  return [
    "# What host calls cost",
    `${machineText(machine)} ${pace.rounds} rounds of ${pace.seconds} s a filter, each under the ` +
      `same load of ${CONNECTIONS} connections; medians of the differences within rounds, with the ` +
      "least and the most in brackets. CPU time of Envoy's own process. " +
      "Method: [README](../README.md).",
    "## One by one, requests of 1 KB",
    callTable(report),
    "## What the budgets would take: requests",
    stepTable(report),
    "## What the budgets would take: streamed answers, a chunk",
    chunkTable(report),
    whatIsLost(),
  ].join("\n\n");
}

function callTable({
  variants,
  smallRounds,
  smallCalls,
  largeCalls,
  ticksUs,
}: CallsReport): string {
  const perSecond = shippedRate(smallRounds);
  const rows = variants.map((variant) => {
    const cost = differenceOf(smallRounds, variant.name, NOOP, variant.times);
    const small = made(variant, smallCalls);
    const large = made(variant, largeCalls);
    const isMessage = variant.name === MESSAGE;
    const times = isMessage ? MESSAGES_A_SECOND / perSecond : small.times;
    return [
      variant.name,
      spread(cost),
      times > 0 ? figure(times) : "–",
      times > 0 ? figure(times * cost.median) : "–",
      small.bytes > 0 ? small.bytes.toLocaleString("en") : "–",
      large.bytes > 0 ? large.bytes.toLocaleString("en") : "–",
    ];
  });
  const machines = 4;
  const tickUs = ticksUs / (machines * 200);
  const ticks = (machines * 200) / perSecond;
  const entering = differenceOf(smallRounds, NOOP, PLAIN);
  return markdownTable([
    ["what", "µs each", "times a request", "µs a request", "bytes copied, 1 KB", "100 KB"],
    ["all callbacks, empty", spread(entering), "1.00", figure(entering.median), "–", "–"],
    ...rows,
    [
      "a tick of a machine, empty, which wakes its thread",
      figure(tickUs),
      figure(ticks),
      figure(tickUs * ticks),
      "–",
      "–",
    ],
  ]);
}

/** At which messages and ticks, which come with the time, are shared out over requests. */
function shippedRate(rounds: readonly Costs[]): number {
  return median(rounds.map((costs) => costs.get(SHIPPED)?.perSecond ?? Number.NaN));
}

/** How often a shipped request makes the call, and what is copied by that. */
function made({ ledgerName }: Variant, calls: readonly CallCount[]) {
  const found = calls.filter(
    ({ callback, call }) => call === ledgerName || `${callback} ${call}` === ledgerName,
  );
  return {
    times: found.reduce((sum, { count }) => sum + count, 0),
    bytes: found.reduce((sum, { copiedBytes }) => sum + copiedBytes, 0),
  };
}

function stepTable({ smallRounds, largeRounds }: CallsReport): string {
  const names = [NOOP, HELD_AND_NAMED, UNREAD, SHIPPED];
  return markdownTable([
    ["", ...[1024, 102_400].map((bytes) => `added to a request of ${kilobytes(bytes)}, µs`)],
    ["budget", ...[1024, 102_400].map((bytes) => `≤ ${requestLimitUs(bytes)}`)],
    ...names.map((name) => [
      name,
      spread(differenceOf(smallRounds, name, PLAIN)),
      spread(differenceOf(largeRounds, name, PLAIN)),
    ]),
    ["Envoy without a filter takes", ...[smallRounds, largeRounds].map(withoutFilter)],
  ]);
}

function chunkTable({ silentRounds, toldRounds }: CallsReport): string {
  const percentOf = (rounds: Costs[], name: string) => {
    const share = differenceOf(rounds, name, PLAIN).median / medianOf(rounds, PLAIN);
    return `${added(100 * share)} %`;
  };
  return markdownTable([
    ["", "no counts asked for, µs", "", "counts asked for, µs", ""],
    ["budget", "", `≤ ${chunkLimitPercent()} %`, "", `≤ ${chunkLimitPercent()} %`],
    ...[NOOP, UNREAD, SHIPPED].map((name) => [
      name,
      spread(differenceOf(silentRounds, name, PLAIN)),
      percentOf(silentRounds, name),
      spread(differenceOf(toldRounds, name, PLAIN)),
      percentOf(toldRounds, name),
    ]),
    [
      "Envoy without a filter takes",
      ...[withoutFilter(silentRounds), "", withoutFilter(toldRounds), ""],
    ],
  ]);
}

/** The build without that callback is what is left to leave out; what that is worth is said here. */
function whatIsLost(): string {
  return (
    "What the build without the callback of response bodies loses: token counts of all answers, and " +
    "with them bytes a token and the check of what was cached; the time of the first byte; and when " +
    "prefill is over, so that a prompt counts as unanswered on its endpoint until its answer ends. " +
    "The rows above the shipped ones are a floor: a filter that does nothing, and one that only holds " +
    "the request and names one endpoint, always the same."
  );
}

function withoutFilter(rounds: readonly Costs[]): string {
  return figure(medianOf(rounds, PLAIN));
}

function medianOf(rounds: readonly Costs[], name: string): number {
  return median(rounds.map((costs) => envoyUsOf(costs, name)));
}

function spread({ median, least, most }: Spread): string {
  return `${figure(median)} (${figure(least)} to ${figure(most)})`;
}
