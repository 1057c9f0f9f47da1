// What an engine's metrics tell about one endpoint, whatever names the engine gives them.
import type { MetricFamilies } from "./metric-families.ts";

export interface EngineReading {
  engine: string;
  /** Requests waiting for their first step. */
  waiting: number;
  /** Requests in the running batch. */
  running: number;
  /** Share of the KV cache in use, 0 to 1. */
  kvUse: number;
  /** Tokens the KV cache holds, where the engine tells. */
  cacheTokens: number | null;
  /** Tokens of one of the engine's cache blocks, where the engine tells. */
  blockTokens: number | null;
  /** LoRA adapters by name. `most` is how many may be active at once; 0 where not told. */
  adapters: { active: string[]; waiting: string[]; most: number };
  /** The engine answers and cannot serve before it is woken. */
  asleep: boolean;
}

export interface Engine {
  /** The value of the `llm-d.ai/engine-type` label. */
  name: string;
  /** Names of all metrics that `matches` and `read` look at; nothing else is parsed. */
  metrics: readonly string[];
  /** Whether these metrics are this engine's. */
  matches(families: MetricFamilies): boolean;
  read(families: MetricFamilies): EngineReading;
}
