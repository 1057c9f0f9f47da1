// Runs of the simulator: one process each, several at a time, each answer kept beside what it was
// computed from, so that a run that is stopped goes on where it was.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, globSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { projectPath } from "../../start/project.ts";
import { describeMachine, type Machine, minuteOf } from "../measure/machine.ts";
import { type Cell, HINTWAY, type Suite } from "./suites.ts";

/** What one run measured, times in seconds; names are the simulator's. */
export interface Figures {
  requests: number;
  rejected: number;
  ttft_mean: number;
  ttft_p50: number;
  ttft_p90: number;
  ttft_p99: number;
  e2e_mean: number;
  /** Share of prompt tokens found cached. */
  hit: number;
  /** Mean over arrivals of the most requests on an endpoint over the mean. */
  imbalance: number;
  /** Share of requests within the SLO. */
  good: number;
  /** Share of tries that an endpoint answered with an error; told by hardsim. */
  errors?: number;
  wall_s: number;
}

interface Run {
  suite: string;
  cell: Cell;
  policy: string;
  seed: number;
}

/** When, by which code and on what a run was measured: it may be kept from before. */
export type Measured = Pick<Machine, "at" | "commit" | "processors">;

export interface Result extends Run {
  figures: Figures;
  measured: Measured;
}

export interface RunsPlan {
  suites: readonly Suite[];
  seeds: number;
  jobs: number;
  /** File of results kept from earlier runs; null keeps none. */
  kept: string | null;
  /** Nothing is run: only what is kept counts. */
  onlyKept?: boolean;
  /** More arguments for every cell, such as a limit. */
  extra?: readonly string[];
  say(line: string): void;
}

const ROOM = projectPath("bench", "quality");
const SIMULATOR = ["routesim/**/*.py", "traces/*.gz"];
const SITUATIONS = ["hardsim/**/*.py"];
/** What decides in the project's own policy, and what it runs in. */
const DECIDERS = [
  "bench/quality/hintway-policy.ts",
  "bench/quality/driven/*.ts",
  "bench/parts/compiled.ts",
  "build/filter.wasm",
  "protocol/*.ts",
  "control-plane/{hints,index,pool,scoring,config}/*.ts",
  "control-plane/{options,settings}.ts",
  "control-plane/engines/reading.ts",
  "test/support/host-emulator/*.ts",
  "test/support/asked.ts",
];
const ERROR_BYTES_MAX = 2_000;

function runsOf({ suites, seeds }: RunsPlan): Run[] {
  return suites.flatMap(({ name, cells, policies }) =>
    policies.flatMap((policy) =>
      cells.flatMap((cell) =>
        Array.from({ length: seeds }, (_, seed) => ({
          ...{ suite: name, cell, policy },
          seed: seed + 1,
        })),
      ),
    ),
  );
}

/** Runs what is not kept already; answers all results. */
export async function runAll(plan: RunsPlan): Promise<Result[]> {
  const runs = runsOf(plan);
  const kept = readKept(plan.kept);
  const results: Result[] = [];
  const missing: Run[] = [];
  const digests = {
    own: digestOf(DECIDERS, projectPath()),
    simulator: digestOf(SIMULATOR, ROOM),
    situations: digestOf(SITUATIONS, ROOM),
  };
  const nameOf = (run: Run) => {
    const own = isOwn(run.policy) ? digests.own : "";
    const policy = withOptions(run);
    const args = [...run.cell.args, ...(plan.extra ?? [])];
    const more = run.cell.isHard ? [digests.situations] : [];
    return JSON.stringify([policy, args, run.seed, digests.simulator, own, ...more]);
  };
  for (const run of runs) {
    const known = kept.get(nameOf(run));
    if (known) results.push({ ...run, ...known });
    else missing.push(run);
  }
  if (plan.onlyKept) missing.length = 0;
  plan.say(`${runs.length} runs, ${results.length} of them known from before`);
  const { commit, processors } = describeMachine();
  let done = 0;
  const work = async () => {
    for (let run = missing.shift(); run; run = missing.shift()) {
      const known = kept.get(nameOf(run));
      const figures = known?.figures ?? (await simulate(run, plan.extra ?? []));
      const told = known ?? { figures, measured: { at: minuteOf(new Date()), commit, processors } };
      kept.set(nameOf(run), told);
      results.push({ ...run, ...told });
      if (!known) keep(plan.kept, { name: nameOf(run), ...told });
      done++;
      const left = `${done} done, ${missing.length} to go`;
      const seconds = figures.wall_s.toFixed(1);
      plan.say(`${left}: ${run.cell.label}, ${run.policy}, seed ${run.seed}: ${seconds} s`);
    }
  };
  await Promise.all(Array.from({ length: plan.jobs }, work));
  return results;
}

function isOwn(policy: string): boolean {
  return policy === HINTWAY || policy.startsWith(`${HINTWAY} `);
}

/** The policy with the options that its cell gives Hintway's own. */
function withOptions({ policy, cell }: Run): string {
  return cell.own && isOwn(policy) ? `${policy} ${cell.own}` : policy;
}

function simulate(run: Run, extra: readonly string[]): Promise<Figures> {
  const { cell, seed } = run;
  const policy = withOptions(run);
  const own = [process.execPath, "./hintway-policy.ts"];
  const name = isOwn(policy)
    ? `external:${[...own, ...policy.split(" ").slice(1)].join(" ")}`
    : policy;
  const simulator = cell.isHard ? "hardsim" : "routesim";
  const words = ["-m", simulator, "run", "--json", "--seed", `${seed}`, ...cell.args, ...extra];
  const { promise, resolve, reject } = Promise.withResolvers<Figures>();
  const child = spawn("python3", [...words, name], {
    cwd: ROOM,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors = `${errors}${chunk}`.slice(-ERROR_BYTES_MAX);
  });
  child.on("error", (cause) => {
    reject(new Error("python3 does not start: the simulator needs Python 3.11 on PATH", { cause }));
  });
  child.on("close", (code) => {
    if (code === 0) resolve(readFigures(text));
    else reject(new Error(`${policy} in ${cell.label} ended with ${code}:\n${errors}`));
  });
  return promise;
}

/** Python writes what has no value, such as a mean of nothing, as NaN. */
function readFigures(text: string): Figures {
  return JSON.parse(text.replaceAll(/\bNaN\b/g, "null")) as Figures;
}

function digestOf(patterns: string[], folder: string): string {
  const digest = createHash("sha256");
  for (const name of globSync(patterns, { cwd: folder, exclude: ["**/*.test.ts"] }).sort()) {
    digest.update(name).update(readFileSync(`${folder}/${name}`));
  }
  return digest.digest("hex").slice(0, 16);
}

type Told = Pick<Result, "figures" | "measured">;
type Kept = Told & { name: string };

/** Lines that do not say when they were measured are passed over. */
function readKept(path: string | null): Map<string, Told> {
  if (path === null || !existsSync(path)) return new Map();
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
  const kept = lines.map((line) => JSON.parse(line) as Kept);
  return new Map(
    kept.flatMap(({ name, ...told }) => (told.measured === undefined ? [] : [[name, told]])),
  );
}

function keep(path: string | null, run: Kept): void {
  if (path === null) return;
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(run)}\n`);
}
