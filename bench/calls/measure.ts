// Rounds over the places: each in turn under the same load, so that what differs is the filter.

import { setTimeout as sleep } from "node:timers/promises";
import { measureUsage } from "../measure/processor-time.ts";
import { median } from "../measure/quantiles.ts";
import type { Load } from "../parts/load.ts";
import { turned } from "../speed/cells.ts";
import type { Spread } from "../speed/differences.ts";
import type { CallGateways, Place } from "./gateways.ts";

interface Cost {
  /** CPU time of Envoy's process a request, or a chunk where answers are streamed. */
  envoyUs: number;
  /** Requests, or chunks. */
  perSecond: number;
}

/** Of one round, by name. */
export type Costs = ReadonlyMap<string, Cost>;

export type Cell = Pick<Load, "bodyBytes" | "connections" | "chunks" | "asksUsage">;

export interface Pace {
  rounds: number;
  warmSeconds: number;
  seconds: number;
}

export async function measureRounds(
  { places, load }: CallGateways,
  names: readonly string[],
  cell: Cell,
  { rounds, warmSeconds, seconds }: Pace,
): Promise<Costs[]> {
  const measured: Costs[] = [];
  for (let round = 0; round < rounds; round++) {
    const costs = new Map<string, Cost>();
    for (const name of turned(names, round)) {
      const { port, processId } = places.get(name) as Place;
      const { usage, requests, chunks } = await load.run({
        ...{ port, ...cell, prompts: "unique", warmSeconds, seconds },
        processes: { envoy: processId },
      });
      const count = Math.max(1, cell.chunks > 0 ? chunks : requests);
      const envoyUs = ((usage.processes["envoy"] ?? 0) * 1e6) / count;
      costs.set(name, { envoyUs, perSecond: count / usage.seconds });
    }
    measured.push(costs);
  }
  return measured;
}

/** What one costs more than another, `times` being so many of what is asked for. */
export function differenceOf(
  rounds: readonly Costs[],
  name: string,
  without: string,
  times = 1,
): Spread {
  const differences = rounds.map(
    (costs) => (envoyUsOf(costs, name) - envoyUsOf(costs, without)) / times,
  );
  return {
    median: median(differences),
    least: Math.min(...differences),
    most: Math.max(...differences),
  };
}

/** NaN where it was not measured. */
export function envoyUsOf(costs: Costs, name: string): number {
  return costs.get(name)?.envoyUs ?? Number.NaN;
}

/** CPU time that a process without requests uses in a second, in microseconds. */
export async function idleUs({ processId }: Place, seconds: number): Promise<number> {
  const end = measureUsage({ envoy: processId });
  await sleep(seconds * 1000);
  const usage = end();
  return ((usage.processes["envoy"] ?? 0) * 1e6) / usage.seconds;
}
