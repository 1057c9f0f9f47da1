// LoRA adapters as vLLM tells them: each set of adapters is a series of its own whose value is the time
// of the change.
import type { Sample } from "./metric-families.ts";
import { type EngineReading, positive } from "./reading.ts";

export function adaptersIn(sets: readonly Sample[]): EngineReading["adapters"] {
  const newest = sets.reduce((best, sample) => (sample.value > best.value ? sample : best), {
    labels: {} as Record<string, string>,
    value: -1,
  });
  return {
    active: names(newest.labels["running_lora_adapters"]),
    waiting: names(newest.labels["waiting_lora_adapters"]),
    most: positive(newest.labels["max_lora"]) ?? 0,
  };
}

/** Copies: a piece of the page would keep all of the page in memory for as long as it is known. */
function names(list = ""): string[] {
  return list
    .split(",")
    .map((name) => Buffer.from(name.trim()).toString())
    .filter((name) => name !== "");
}
