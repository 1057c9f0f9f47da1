// The suite `hard`: what the plain cost makes of each situation, what ships, and the best of the others.

import { figure, markdownTable } from "../report/table.ts";
import type { Figures, Result } from "./runs.ts";
import { HINTWAY, ORACLES, PLAIN } from "./suites.ts";
import { labelsOf, meanBy, policiesOf } from "./summary.ts";

interface Shown {
  name: string;
  best: "least" | "most";
  of(figures: Figures): number;
}

const SHOWN: readonly Shown[] = [
  { name: "time to first token, mean, s", best: "least", of: (figures) => figures.ttft_mean },
  {
    name: "the same, of all requests: those never answered count as the slowest hundredth",
    best: "least",
    of: meanOfAll,
  },
  { name: "time to first token, p90, s", best: "least", of: (figures) => figures.ttft_p90 },
  { name: "whole answer, mean, s", best: "least", of: (figures) => figures.e2e_mean },
  { name: "share of requests within the SLO", best: "most", of: (figures) => figures.good },
  { name: "share of requests never answered", best: "least", of: shareLost },
  {
    name: "share of tries answered with an error",
    best: "least",
    of: (figures) => figures.errors ?? 0,
  },
];

/** Of the requests that count, those whose every try was answered with an error. */
export function shareLost({ requests, rejected }: Figures): number {
  return rejected / Math.max(1, requests + rejected);
}

/**
 * Times are told of answered requests alone, so that a router that loses many has fewer to serve and
 * looks fast. Nobody would rather have no answer than a late one.
 */
export function meanOfAll(figures: Figures): number {
  const lost = shareLost(figures);
  return lost === 0 ? figures.ttft_mean : (1 - lost) * figures.ttft_mean + lost * figures.ttft_p99;
}

export function hardText(results: readonly Result[]): string[] {
  return [
    `Plain is the cost as it is with even engines (\`${PLAIN}\`).`,
    ...SHOWN.flatMap((shown) => [`### ${shown.name}`, table(results, shown)]),
  ];
}

function table(results: readonly Result[], shown: Shown): string {
  const rivals = policiesOf(results).filter((policy) => !policy.startsWith(HINTWAY));
  const routers = rivals.filter((policy) => !ORACLES.has(policy));
  const oracles = rivals.filter((policy) => ORACLES.has(policy));
  return markdownTable([
    ["situation", "plain", "shipped", "best of the others", "which", ...oracles],
    ...labelsOf(results).map((label) => {
      const of = (policy: string) => meanBy(results, label, policy, shown.of);
      const sign = shown.best === "least" ? 1 : -1;
      const [first = ""] = routers.toSorted((a, b) => sign * (of(a) - of(b)));
      const values = [PLAIN, HINTWAY, first].map((policy) => figure(of(policy)));
      return [label, ...values, first, ...oracles.map((policy) => figure(of(policy)))];
    }),
  ]);
}
