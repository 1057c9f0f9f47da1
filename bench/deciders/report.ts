// The report of deciders: what became of each workload's answers, way by way.

import { type Machine, machineText } from "../measure/machine.ts";
import type { Played } from "../replay/play.ts";
import type { Workload } from "../replay/report.ts";
import { figure, markdownTable } from "../report/table.ts";
import { ENGINES_OF_A_ROLE, PROFILE } from "./ways.ts";

export interface Cell {
  workload: Workload;
  way: string;
  played: Played;
  /** Of all requests, those whose prompt was read by a prefill server. */
  prefilledShare: number;
}

export interface DecidersReport {
  machine: Machine;
  cells: readonly Cell[];
}

export function decidersText({ machine, cells }: DecidersReport): string {
  const titles = [...new Set(cells.map(({ workload }) => titleOf(workload)))];
  return [
    "# When a prompt is worth reading elsewhere",
    machineText(machine),
    `${ENGINES_OF_A_ROLE} prefill and ${ENGINES_OF_A_ROLE} decode servers, simulated (${PROFILE}); one gateway. ` +
      "Seconds are the trace's, of answers behind the first tenth. Method: [README](../README.md).",
    ...titles.flatMap((title) => [
      `## ${title}`,
      tableOf(cells.filter(({ workload }) => titleOf(workload) === title)),
    ]),
  ].join("\n\n");
}

function titleOf({ trace, limit, rate, pauses, speed }: Workload): string {
  const paused = pauses === undefined ? "" : `, pauses ÷ ${pauses}`;
  return `${trace}: ${limit} requests, arrivals ÷ ${rate}${paused}, ${speed} times as fast`;
}

function tableOf(cells: readonly Cell[]): string {
  const best = (value: (played: Played) => number) =>
    Math.min(...cells.map(({ played }) => value(played)));
  const leasts = {
    first: best(({ firstMean }) => firstMean),
    token: best(({ tokenMean }) => tokenMean),
    whole: best(({ wholeMean }) => wholeMean),
  };
  const marked = (value: number, least: number) =>
    value === least ? `**${figure(value)}**` : figure(value);
  return markdownTable([
    [
      ...["way", "prompts read elsewhere", "first token, mean, s", "p90, s", "a token, mean, ms"],
      ...["whole answer, mean, s", "failed", "sent late, p99, s", "CPUs in use"],
    ],
    ...cells.map(({ way, played, prefilledShare }) => [
      way,
      `${Math.round(100 * prefilledShare)} %`,
      marked(played.firstMean, leasts.first),
      figure(played.firstP90),
      marked(1000 * played.tokenMean, 1000 * leasts.token),
      marked(played.wholeMean, leasts.whole),
      `${played.failures}`,
      figure(played.lateP99),
      `${Math.round(100 * played.busy)} %`,
    ]),
  ]);
}
