// What is told late, wrongly or not at all: three workloads under each condition.

import { figure, markdownTable } from "../report/table.ts";
import type { Result } from "./runs.ts";
import type { Cell } from "./suites.ts";
import { labelsOf, type Metric, meanOf, policiesOf } from "./summary.ts";

interface Condition {
  name: string;
  /** Arguments of the simulator. */
  args: string;
  /** Options of Hintway's policy. */
  own?: string;
}

const WORKLOADS: readonly (readonly [string, number])[] = [
  ["mooncake-conversation", 1.2],
  ["toolagent-like", 1.2],
  ["claude-code", 0.1],
];
/** Of each trace. */
const REQUESTS_MAX = 2_500;
const UNDISTURBED: Condition = { name: "undisturbed", args: "" };

const CONDITIONS: readonly Condition[] = [
  UNDISTURBED,
  ...[1000, 5000].map((ms) => ({
    name: `metrics up to ${ms} ms old`,
    args: `--scrape-ms ${ms}`,
    own: `--probe-ms ${ms}`,
  })),
  { name: "answers not streamed", args: "--no-first-token" },
  { name: "cached tokens not told", args: "", own: "--no-cached-told" },
  ...[0.25, 4].map((times) => ({
    name: `cache size told ${times} times as large`,
    args: "",
    own: `--cache-told ${times}`,
  })),
  ...[1, 2, 6].map((bytes) => ({
    name: `${bytes} bytes a token`,
    args: "",
    own: `--bytes-per-token ${bytes}`,
  })),
  ...[2, 4].flatMap((gateways) => [
    ...[50, 200, 1000].map((ms) => ({
      name: `${gateways} gateways, sharing every ${ms} ms`,
      args: `--proxies ${gateways} --scrape-ms 100 --share-ms ${ms}`,
    })),
    { name: `${gateways} gateways, no sharing`, args: `--proxies ${gateways} --scrape-ms 100` },
  ]),
  ...[2, 4].map((workers) => ({
    name: `${workers} workers of a gateway`,
    args: `--proxies ${workers} --scrape-ms 100 --share-ms 5`,
    own: "--workers",
  })),
];

export function robustnessCells(): Cell[] {
  return CONDITIONS.flatMap(({ name, args, own }) =>
    WORKLOADS.map(([trace, rate]) => ({
      label: labelOf(trace, name),
      args: `--trace ${trace} --rate ${rate} --limit ${REQUESTS_MAX} ${args}`.trim().split(" "),
      ...(own && { own }),
    })),
  );
}

function labelOf(trace: string, condition: string): string {
  return `${trace}: ${condition}`;
}

/** One table: a condition a row. */
export function robustnessText(results: readonly Result[]): string[] {
  const [own = "", ...rivals] = policiesOf(results);
  const labels = new Set(labelsOf(results.filter(({ policy }) => policy === own)));
  const traces = WORKLOADS.map(([trace]) => trace).filter((trace) =>
    labels.has(labelOf(trace, UNDISTURBED.name)),
  );
  const columns = traces.flatMap((trace) => [
    `${trace}: mean, s`,
    ...["over undisturbed", "p90 over undisturbed", ...rivals.map((name) => `over ${name}`)],
  ]);
  const cells = (trace: string, condition: string) => {
    const of = (name: string, policy: string, metric: Metric) =>
      meanOf(results, labelOf(trace, name), policy, metric);
    const here = of(condition, own, "ttft_mean");
    const usual = UNDISTURBED.name;
    return [
      here,
      here / of(usual, own, "ttft_mean"),
      of(condition, own, "ttft_p90") / of(usual, own, "ttft_p90"),
      ...rivals.map((rival) => here / of(condition, rival, "ttft_mean")),
    ].map(figure);
  };
  const rows = CONDITIONS.map(({ name }) => name)
    .filter((name) => traces.some((trace) => labels.has(labelOf(trace, name))))
    .map((name) => [name, ...traces.flatMap((trace) => cells(trace, name))]);
  return [
    `Time to first token of ${own} under each condition (the first ${REQUESTS_MAX} requests of each ` +
      "trace): the mean, it and the p90 over what they are " +
      "when nothing is disturbed, and the mean over other routers' under the same condition.",
    markdownTable([["condition", ...columns], ...rows]),
  ];
}
