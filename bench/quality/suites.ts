// What is simulated: each suite is cells (a workload at a load, as arguments of routesim) × policies.

import { ablationCells } from "./ablation.ts";
import { robustnessCells } from "./robustness.ts";

export interface Cell {
  label: string;
  /** Arguments of `routesim run`, without policy and seed; of `hardsim run` where it is hard. */
  args: readonly string[];
  /** Options of Hintway's own policy there. */
  own?: string;
  isHard?: true;
}

export interface Suite {
  name: string;
  about: string;
  cells: readonly Cell[];
  policies: readonly string[];
}

/** The project's own decisions: the shipped filter, driven through the line protocol. */
export const HINTWAY = "hintway";
/** What everything is compared with. */
export const BASELINE = "gie-default";
/** Not routers: they look at what no router can see. */
export const ORACLES: ReadonlySet<string> = new Set(["oracle-greedy", "oracle-each"]);
export const LOADS = ["moderate", "high", "over"] as const;

const SHOWN = [
  HINTWAY,
  BASELINE,
  "llmd-optimized",
  "llmd-precise",
  "llmd-precise-spec",
  "llmd-affinity",
  "dynamo-kv",
  "dynamo-lmetric",
  "sglang-cache-aware",
  "least-request",
  "tokencost",
  "oracle-greedy",
];

/** Those nobody comes near with; for completeness. */
const OTHERS = [
  "random",
  "round-robin",
  "p2c",
  "least-scraped",
  "session-hash",
  "session-chwbl",
  "kubeai-chwbl",
  "prodstack-prefix",
  "aibrix-prefix",
  "aibrix-preble",
];

const SOME = [
  HINTWAY,
  "least-request",
  BASELINE,
  "llmd-optimized",
  "llmd-precise",
  "llmd-affinity",
  "dynamo-kv",
  "dynamo-lmetric",
  "tokencost",
  "oracle-greedy",
];

const RATES: readonly (readonly [string, readonly [number, number, number]])[] = [
  ["mooncake-conversation", [0.9, 1.4, 1.7]],
  ["toolagent-like", [0.9, 1.35, 1.6]],
  ["mooncake-synthetic", [0.8, 1.1, 1.4]],
  ["claude-code", [0.08, 0.12, 0.2]],
  ["azure-code", [3, 5, 7]],
];

function cell(label: string, args: string): Cell {
  return { label, args: args.split(" ") };
}

function mainCells(): Cell[] {
  const traced = RATES.flatMap(([trace, rates]) =>
    rates.map((rate, load) => cell(`${trace} ${LOADS[load]}`, `--trace ${trace} --rate ${rate}`)),
  );
  const shared = [25, 40, 50].map((perSecond, load) => {
    const trace = `synth:shared-prefix?qps=${perSecond}&n=${750 + 100 * perSecond}`;
    return cell(`shared-prefix ${LOADS[load]}`, `--trace ${trace} --warmup 0.5`);
  });
  return [...traced, ...shared];
}

function scaleCells(): Cell[] {
  const open = ["mooncake-conversation", "toolagent-like"].flatMap((trace) =>
    [4, 8, 16].map((endpoints) => {
      const copies = endpoints > 8 ? 2 : 1;
      const rate = (1.2 * endpoints) / 8 / copies;
      const args = `--trace ${trace} --n ${endpoints} --rate ${rate} --copies ${copies}`;
      return cell(`${trace} ${endpoints} endpoints`, args);
    }),
  );
  const closed = [4, 8, 16].map((endpoints) => {
    const args = `--trace claude-code --n ${endpoints} --rate ${(0.1 * endpoints) / 8}`;
    return cell(`claude-code ${endpoints} endpoints`, args);
  });
  return [...open, ...closed];
}

const FRESH_RIVALS = [HINTWAY, BASELINE, "llmd-optimized", "dynamo-lmetric", "tokencost"];

const FRESH: readonly (readonly [string, string])[] = [
  ["assistants", "assistants?qps=2"],
  ["assistants, 5 small engines", "assistants?qps=0.12 --profile small --n 5"],
  ["documents, 12 engines 8B", "documents?qps=20&n=4000 --profile llama8b-1xh100 --n 12"],
  ["mixed", "mixed?qps=9"],
];

const ENGINES: readonly (readonly [string, string])[] = [
  [
    "conversation 8B, 4 endpoints",
    "mooncake-conversation --profile llama8b-1xh100 --n 4 --rate 1.2",
  ],
  ["synthetic 8B, 4 endpoints", "mooncake-synthetic --profile llama8b-1xh100 --n 4 --rate 1.2"],
  ["claude 8B", "claude-code --profile llama8b-1xh100 --rate 0.3"],
  ["conversation 70B", "mooncake-conversation --profile llama70b-4xh100 --rate 1.0"],
  ["toolagent 70B", "toolagent-like --profile llama70b-4xh100 --rate 1.2"],
  ["claude KV x5", "claude-code --kv-tokens 1500000 --rate 0.4"],
  ["conversation KV x5", "mooncake-conversation --kv-tokens 1500000 --rate 1.5"],
];

/** Without all that is made of engines that are not alike, or not the gateway's alone. */
export const PLAIN = `${HINTWAY} --without slowness,errors,foreign,adapters`;

const CONVERSATION = "--trace mooncake-conversation --limit 4000";
const SESSIONS = "--trace claude-code";
const ASSISTANTS = "--trace synth:assistants?qps=1.5";

const HARD: readonly (readonly [string, string])[] = [
  ["one three times slower, conversation", `slow ${CONVERSATION} --rate 1.2`],
  ["one three times slower, claude-code", `slow ${SESSIONS} --rate 0.1`],
  ["one fails at once", `failing ${CONVERSATION} --rate 1.2`],
  ["one fails every second time", `failing:share=0.5 ${CONVERSATION} --rate 1.2`],
  ["one joins, conversation", `joining ${CONVERSATION} --rate 1.3`],
  ["one joins, claude-code", `joining ${SESSIONS} --rate 0.1`],
  ["foreign traffic, conversation", `foreign:clients=32 ${CONVERSATION} --rate 0.9`],
  ["foreign traffic, claude-code", `foreign:clients=32 ${SESSIONS} --rate 0.08`],
  ["24 adapters, 4 at a time", `adapters ${ASSISTANTS}`],
  ["48 adapters, 4 at a time", `adapters:count=48 ${ASSISTANTS}`],
];

function highCells(): Cell[] {
  return mainCells().filter(({ label }) => label.endsWith("high"));
}

function hardCells(): Cell[] {
  return HARD.map(([label, args]) => ({ ...cell(label, `--situation ${args}`), isHard: true }));
}

export const SUITES: readonly Suite[] = [
  { name: "main", about: "six workloads at three loads", cells: mainCells(), policies: SHOWN },
  { name: "rest", about: "the other routers", cells: mainCells(), policies: OTHERS },
  {
    name: "fresh",
    about: "workloads made after the constants were fixed",
    cells: FRESH.map(([label, args]) => cell(label, `--trace synth:${args}`)),
    policies: FRESH_RIVALS,
  },
  {
    name: "ablation",
    about: "what each idea gives, by taking it away",
    cells: ablationCells({ plain: highCells(), hard: hardCells() }),
    policies: [HINTWAY],
  },
  {
    name: "hard",
    about: "engines that are not alike, or not the gateway's alone",
    cells: hardCells(),
    policies: [
      HINTWAY,
      PLAIN,
      BASELINE,
      "gie-lora",
      "llmd-optimized",
      "dynamo-lmetric",
      "tokencost",
      "oracle-each",
    ],
  },
  {
    name: "scale",
    about: "4, 8 and 16 endpoints",
    cells: scaleCells(),
    policies: SOME,
  },
  {
    name: "engines",
    about: "other models and larger caches",
    cells: ENGINES.map(([label, args]) => cell(label, `--trace ${args}`)),
    policies: SOME,
  },
  {
    name: "robustness",
    about: "what is told late, wrongly or not at all",
    cells: robustnessCells(),
    policies: [HINTWAY, BASELINE],
  },
];

export function suiteNamed(name: string): Suite {
  const suite = SUITES.find((one) => one.name === name);
  const known = SUITES.map((one) => one.name).join(", ");
  if (!suite) throw new Error(`no suite is called ${name}; there are ${known}`);
  return suite;
}
