// What the filter may cost.

import type { Difference } from "./differences.ts";
import { type Cell, streamOf } from "./plan.ts";

export interface Budget {
  what: string;
  /** Where it is measured, over four endpoints with an index as prompts leave it. */
  cell: Cell;
  /** The figure that the budget is for. */
  of(difference: Difference): number;
  limit: number;
  /** Whether more is better. */
  isLeast: boolean;
  unit: string;
}

/** Prompts that are never repeated are the dearer kind. */
function at(connections: number, bodyBytes: number): Cell {
  return { bodyBytes, connections, prompts: "unique", chunks: 0, asksUsage: false };
}

const addedP50 = {
  ...{ what: "added p50", unit: "ms", isLeast: false },
  of: (difference: Difference) => difference.addedP50Ms.median,
};
const ADDED_PROCESSOR = "added CPU of Envoy a request";
const addedProcessor = {
  ...{ what: ADDED_PROCESSOR, unit: "µs", isLeast: false },
  of: (difference: Difference) => difference.addedEnvoyUs.median,
};
const kept = {
  ...{ what: "requests/s kept", unit: "%", isLeast: true },
  of: (difference: Difference) => difference.keptPercent.median,
};
const ADDED_TO_CHUNKS = "added CPU of Envoy a chunk";
const addedToChunks = {
  ...{ what: ADDED_TO_CHUNKS, unit: "%", isLeast: false },
  of: (difference: Difference) => difference.addedEnvoyPercent.median,
};

export const BUDGETS: readonly Budget[] = [
  { ...addedP50, cell: at(1, 1024), limit: 0.03 },
  { ...addedP50, cell: at(1, 102_400), limit: 0.06 },
  { ...addedProcessor, cell: at(32, 1024), limit: 30 },
  { ...addedProcessor, cell: at(32, 102_400), limit: 55 },
  { ...kept, cell: at(32, 1024), limit: 80 },
  { ...kept, cell: at(32, 102_400), limit: 80 },
  { ...addedToChunks, cell: streamOf(200), limit: 3 },
  { ...addedToChunks, cell: streamOf(2_000), limit: 3 },
];

/** What a request may cost of Envoy's CPU, in microseconds. */
export function requestLimitUs(bodyBytes: number): number {
  return limitOf(ADDED_PROCESSOR, bodyBytes);
}

/** What a chunk may cost of Envoy's CPU, in percent of what it costs without the filter. */
export function chunkLimitPercent(): number {
  return limitOf(ADDED_TO_CHUNKS, 1024);
}

function limitOf(what: string, bodyBytes: number): number {
  const found = BUDGETS.find(
    (budget) => budget.what === what && budget.cell.bodyBytes === bodyBytes,
  );
  return found?.limit ?? Number.NaN;
}

export function isMet(budget: Budget, value: number): boolean {
  return budget.isLeast ? value >= budget.limit : value <= budget.limit;
}
