// One pick of one worker, from a profile and endpoints as a test gives them.

import { type Asking, ask, destinationsOf, type Explanation, explained } from "./asked.ts";
import { FilteredGateway } from "./filtered-gateway.ts";
import type { StepHint } from "./hints-written.ts";
import { type EndpointHint, hintsFrame, type PoolHint, tableOf } from "./hints-written.ts";

export const KIB = 1024;
/** A quarter of a KiB: the first two KiB of a prompt have four keys each, all others one. */
export const BLOCK_BYTES = 256;

/** Endpoint of a test: the leading KiB of the prompt it holds, and for how many blocks unused. */
export interface BenchEndpoint extends Omit<EndpointHint, "slot"> {
  readonly holds?: number;
  readonly unusedBlocks?: number;
}

export interface Bench {
  readonly steps: readonly StepHint[];
  readonly endpoints: readonly BenchEndpoint[];
  readonly pool?: PoolHint;
  /** KiB of prompt; 0 is a request without one. */
  readonly promptKib?: number;
  readonly asking?: Asking;
  readonly fallbacks?: number;
}

const prompts = new Map<number, bigint[]>();

/** A prompt of whole blocks. */
export function promptOf(kib: number): Asking {
  const body = JSON.stringify({
    model: "llama",
    prompt: `${kib} `.repeat(kib * KIB).slice(0, kib * KIB),
  });
  return { headers: { ":path": "/v1/completions" }, body };
}

/** The keys of such a prompt, as a gateway reports them. */
export function keysOf(kib: number): bigint[] {
  let keys = prompts.get(kib);
  if (!keys) {
    const gateway = new FilteredGateway({ hints: tableOf(3, {}, { blockBytes: BLOCK_BYTES }) });
    ask(gateway.worker, promptOf(kib));
    gateway.run(100);
    keys = gateway.told.picks[0]!.keys;
    prompts.set(kib, keys);
  }
  return keys;
}

/** The keys of the first KiB of a prompt. */
export function keyCountOf(kib: number): number {
  return kib <= 2 ? 4 * kib : 6 + kib;
}

/** A gateway whose one pool is as the bench says. */
export function startBench(bench: Bench): FilteredGateway {
  const endpoints = bench.endpoints.map((endpoint, slot) => ({ ...endpoint, slot }));
  const settings = { fallbacks: bench.fallbacks ?? 7 };
  const pool = { blockBytes: BLOCK_BYTES, ...bench.pool, steps: bench.steps };
  const keys = bench.promptKib ? keysOf(bench.promptKib) : [];
  const gateway = new FilteredGateway({ hints: tableOf(0, { endpoints, settings }, pool) });
  const entries = endpoints
    .filter(({ holds }) => holds)
    .map(({ slot, holds, unusedBlocks }) => ({
      slot,
      entries: keys
        .slice(0, keyCountOf(holds ?? 0))
        .map((key) => ({ key, ageBlocks: unusedBlocks ?? 0 })),
    }));
  gateway.hint(hintsFrame({ entries }));
  return gateway;
}

function askingOf(bench: Bench): Asking {
  const { headers, ...rest } = bench.promptKib ? promptOf(bench.promptKib) : WITHOUT_PROMPT;
  return { ...rest, ...bench.asking, headers: { ...headers, ...bench.asking?.headers } };
}

export const WITHOUT_PROMPT: Asking = { headers: { ":path": "/v1/models" }, body: "" };

export function explain(bench: Bench): Explanation {
  return explained(startBench(bench).worker, askingOf(bench));
}

/** What each endpoint scores in all, in the table's order. */
export function scoresOf(bench: Bench): number[] {
  return explain(bench).candidates.map(({ score }) => score);
}

/** The endpoints the destination names, by their places in the bench. */
export function picksOf(bench: Bench, gateway = startBench(bench)): number[] {
  const addresses = destinationsOf(ask(gateway.worker, askingOf(bench)));
  return addresses.map((address) => Number(address.split(":")[0]!.split(".")[3]) - 1);
}
