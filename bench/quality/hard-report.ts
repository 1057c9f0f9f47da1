// The suite `hard`: what the plain cost makes of each situation, what ships, and the best of the others.

import { figure, markdownTable } from "../report/table.ts";
import type { Result } from "./runs.ts";
import { HINTWAY, ORACLES, PLAIN } from "./suites.ts";
import { labelsOf, type Metric, meanOf, policiesOf } from "./summary.ts";

const SHOWN: readonly (readonly [Metric, string, "least" | "most"])[] = [
  ["ttft_mean", "time to first token, mean, s", "least"],
  ["ttft_p90", "time to first token, p90, s", "least"],
  ["e2e_mean", "whole answer, mean, s", "least"],
  ["good", "share of requests within the SLO", "most"],
  ["errors", "share of tries answered with an error", "least"],
];

export function hardText(results: readonly Result[]): string[] {
  return [
    `Plain is the cost as it is with even engines (\`${PLAIN}\`).`,
    ...SHOWN.flatMap(([metric, name, best]) => [`### ${name}`, table(results, metric, best)]),
  ];
}

function table(results: readonly Result[], metric: Metric, best: "least" | "most"): string {
  const rivals = policiesOf(results).filter((policy) => !policy.startsWith(HINTWAY));
  const routers = rivals.filter((policy) => !ORACLES.has(policy));
  const oracles = rivals.filter((policy) => ORACLES.has(policy));
  return markdownTable([
    ["situation", "plain", "shipped", "best of the others", "which", ...oracles],
    ...labelsOf(results).map((label) => {
      const of = (policy: string) => meanOf(results, label, policy, metric);
      const sign = best === "least" ? 1 : -1;
      const [first = ""] = routers.toSorted((a, b) => sign * (of(a) - of(b)));
      const values = [PLAIN, HINTWAY, first].map((policy) => figure(of(policy)));
      return [label, ...values, first, ...oracles.map((policy) => figure(of(policy)))];
    }),
  ]);
}
