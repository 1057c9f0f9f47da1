// What each idea gives is shown by taking it away: cells with all of them, and the same with one less.

import { figure, markdownTable } from "../report/table.ts";
import type { Result } from "./runs.ts";
import type { Cell } from "./suites.ts";
import { labelsOf, type Metric, meanOf } from "./summary.ts";

interface Idea {
  name: string;
  /** What is there instead. */
  instead: string;
  /** Options of Hintway's policy that take it away. */
  without: string;
  where: Place;
}

/** Where an idea matters, and what both sides of the comparison need there. */
interface Place {
  name: string;
  args: string;
  own: string;
  chooses(cell: Cell): boolean;
}

const place = (name: string, args: string, own: string, chooses: Place["chooses"]): Place => ({
  ...{ name, args, own, chooses },
});
const HIGH = place("the workloads of main, high", "", "", ({ isHard }) => !isHard);
const UNEVEN = place(
  "one engine three times slower",
  "",
  "",
  ({ isHard, label }) => isHard === true && label.startsWith("one three times slower"),
);
const WORKERS = place(
  "the same, four workers",
  "--proxies 4 --scrape-ms 100 --share-ms 5",
  "--workers",
  HIGH.chooses,
);
const DENSE = place("the same, 1.5 bytes a token", "", "--bytes-per-token 1.5", HIGH.chooses);

/** Of each trace: what an idea gives shows in its beginning, and there are many of them. */
const REQUESTS_MAX = 2_500;

/** A cache told so many times as large is no bound to what the index believes. */
const BOUNDLESS = 20;

function cost(name: string, instead: string, parameters: string): Idea {
  return { name, instead, without: `--cost ${parameters}`, where: HIGH };
}

const IDEAS: readonly Idea[] = [
  {
    name: "own requests in flight",
    instead: "engines' gauges alone, read each second",
    without: "--without in-flight,slowness",
    where: HIGH,
  },
  cost("who waits on the endpoint (β)", "nothing", "beta=0"),
  cost("what was computed lately (ρ)", "nothing", "rho=0"),
  {
    name: "cache capacity as a bound to what is believed",
    instead: `${BOUNDLESS} times the capacity`,
    without: `--cache-told ${BOUNDLESS}`,
    where: HIGH,
  },
  {
    name: "feedback: cached tokens that answers tell",
    instead: "answers do not tell them",
    without: "--no-cached-told",
    where: HIGH,
  },
  {
    name: "ties are drawn",
    instead: "the first of equal endpoints",
    without: "--drawless",
    where: HIGH,
  },
  {
    name: "sharing between workers",
    instead: "each worker by itself",
    without: "--without sharing",
    where: WORKERS,
  },
  {
    name: "learned slowness",
    instead: "all engines alike",
    without: "--without slowness",
    where: UNEVEN,
  },
  {
    name: "learned bytes a token",
    instead: "4, whatever they are",
    without: "--without bytes-per-token",
    where: DENSE,
  },
  cost("the pool's mean backlog (α)", "nothing", "alpha=0"),
  cost("both (α, β)", "nothing", "alpha=0,beta=0"),
  cost("prompts that decode steps read (ω)", "nothing", "omega=0"),
  cost("an uncached token costs more than a waiting one (γ)", "γ 1", "gamma=1"),
  cost("credit for what was held until recently", "none", "ghostCredit=0"),
];

/** Every idea's cells, and once for each place those that have it all. */
export function ablationCells(cells: { plain: Cell[]; hard: Cell[] }): Cell[] {
  const all = [...cells.plain, ...cells.hard];
  const places = [...new Set(IDEAS.map(({ where }) => where))];
  return [
    ...places.flatMap((where) => placed(all, where, "")),
    ...IDEAS.flatMap((idea) => placed(all, idea.where, idea.without)),
  ];
}

function placed(cells: readonly Cell[], where: Place, without: string): Cell[] {
  const own = [where.own, without].filter(Boolean).join(" ");
  return cells.filter(where.chooses).map((cell) => ({
    ...cell,
    label: labelOf(cell.label, where, without),
    args: [...cell.args, ...where.args.split(" ").filter(Boolean), "--limit", `${REQUESTS_MAX}`],
    ...(own && { own }),
  }));
}

function labelOf(label: string, where: Place, without: string): string {
  return [label, where.own, without].filter(Boolean).join(" ");
}

const METRICS: readonly Metric[] = ["ttft_mean", "ttft_p90", "e2e_mean"];

/** One table: an idea a row, as what its loss does to first tokens. */
export function ablationText(results: readonly Result[]): string[] {
  const labels = new Set(labelsOf(results));
  const rows = IDEAS.flatMap((idea) => {
    const pairs = pairsOf(idea, labels);
    if (pairs.length === 0) return [];
    const ratios = METRICS.map((metric) => pairs.map((pair) => ratioOf(results, pair, metric)));
    const [means = []] = ratios;
    const most = Math.max(...means);
    const least = Math.min(...means);
    return [
      [
        ...[idea.name, idea.instead, idea.where.name],
        ...ratios.map((values) => figure(geometricMean(values))),
        `${figure(least)} (${pairs[means.indexOf(least)]?.workload})`,
        `${figure(most)} (${pairs[means.indexOf(most)]?.workload})`,
      ],
    ];
  });
  return [
    `Time without the idea over time with it, geometric mean over the cells (the first ${REQUESTS_MAX} ` +
      "requests of each): above 1, the idea helps.",
    markdownTable([
      [
        ...["idea", "instead of it", "where"],
        ...["first token, mean", "first token, p90", "whole answer, mean"],
        ...["least of the means", "most of the means"],
      ],
      ...rows,
    ]),
  ];
}

interface Pair {
  workload: string;
  whole: string;
  less: string;
}

function pairsOf({ where, without }: Idea, labels: ReadonlySet<string>): Pair[] {
  const tail = labelOf("", where, without);
  return [...labels]
    .filter((label) => label.endsWith(` ${tail}`))
    .map((less) => {
      const label = less.slice(0, -tail.length - 1);
      return { workload: label.replace(/ high$/, ""), whole: labelOf(label, where, ""), less };
    })
    .filter(({ whole }) => labels.has(whole));
}

function ratioOf(results: readonly Result[], { whole, less }: Pair, metric: Metric): number {
  const [policy = ""] = results.map((one) => one.policy);
  return meanOf(results, less, policy, metric) / meanOf(results, whole, policy, metric);
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
