// The engines whose metrics are understood. One more is one file and one line here.
import { generic, triton } from "./generic.ts";
import { llamaCpp } from "./llama-cpp.ts";
import type { MetricFamilies } from "./metric-families.ts";
import type { Engine } from "./reading.ts";
import { sglang } from "./sglang.ts";
import { tritonTensorrtLlm, trtllmServe } from "./tensorrt-llm.ts";
import { vllm } from "./vllm.ts";

export type { Engine, EngineReading } from "./reading.ts";

/** In the order they are tried: Triton with TensorRT-LLM also tells Triton's own metrics. */
const ENGINES: readonly Engine[] = [
  vllm,
  sglang,
  trtllmServe,
  tritonTensorrtLlm,
  llamaCpp,
  triton,
  generic,
];

/** Names of all metrics that detection looks at. */
export const ENGINE_METRICS: readonly string[] = ENGINES.flatMap((engine) => engine.metrics);

/** The engine that an endpoint's label names. */
export function engineNamed(name: string): Engine | undefined {
  return ENGINES.find((engine) => engine.name === name);
}

/** The first engine whose metrics these are; the generic one when none knows them. */
export function detectEngine(families: MetricFamilies): Engine {
  return ENGINES.find((engine) => engine.matches(families)) ?? generic;
}
