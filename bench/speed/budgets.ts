// What the filter may cost.

import type { Difference } from "./differences.ts";

export interface Budget {
  what: string;
  connections: number;
  bodyBytes: number;
  /** The figure that the budget is for. */
  of(difference: Difference): number;
  limit: number;
  /** Whether more is better. */
  isLeast: boolean;
  unit: string;
}

const addedP50 = {
  ...{ what: "added p50", connections: 1, unit: "ms", isLeast: false },
  of: (difference: Difference) => difference.addedP50Ms.median,
};
const addedProcessor = {
  ...{ what: "added CPU of Envoy a request", connections: 32, unit: "µs", isLeast: false },
  of: (difference: Difference) => difference.addedEnvoyUs.median,
};
const kept = {
  ...{ what: "requests/s kept", connections: 32, unit: "%", isLeast: true },
  of: (difference: Difference) => difference.keptPercent.median,
};

export const BUDGETS: readonly Budget[] = [
  { ...addedP50, bodyBytes: 1024, limit: 0.03 },
  { ...addedP50, bodyBytes: 102_400, limit: 0.06 },
  { ...addedProcessor, bodyBytes: 1024, limit: 30 },
  { ...addedProcessor, bodyBytes: 102_400, limit: 55 },
  { ...kept, bodyBytes: 1024, limit: 80 },
  { ...kept, bodyBytes: 102_400, limit: 80 },
];

export function isMet(budget: Budget, value: number): boolean {
  return budget.isLeast ? value >= budget.limit : value <= budget.limit;
}
