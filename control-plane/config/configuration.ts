// A scheduling configuration in force: what the filter runs and what is summed for it.
import type { EngineReading } from "../engines/engine.ts";

/** One step of a profile as protocol/profile.ts lays it out. */
export interface Step {
  operation: number;
  weight: number;
  /** At most six; u32 where protocol/profile.ts says so, else f32. */
  parameters: number[];
  /** The plugin's name in the configuration, for people. */
  plugin: string;
}

export interface Profile {
  name: string;
  /** Filters in their listed order, then scorers, then one picker. */
  steps: Step[];
  /** Number i decides bit i of an endpoint's label bits. */
  labelFilters: ((labels: Record<string, string>) => boolean)[];
  /**
   * Weighted sum of the scorers that depend on the endpoint alone. An endpoint without a reading
   * scores as one with zeros, as upstream does.
   */
  pushedScore(reading: EngineReading | null): number;
  /** Whether a step looks at LoRA adapters. */
  needsAdapters: boolean;
}

export interface Configuration {
  profile: Profile;
  /** The file it was read from, or what stands for it. */
  source: string;
  /** What was accepted and is not honoured, each with its place. */
  warnings: string[];
}
