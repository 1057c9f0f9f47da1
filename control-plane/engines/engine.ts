// The engines whose metrics are understood. One more is one file and one line here.
import { generic, triton } from "./generic.ts";
import { llamaCpp } from "./llama-cpp.ts";
import { linesOf, type MetricFamilies, metricFamilies } from "./metric-families.ts";
import type { Engine, EngineReading } from "./reading.ts";
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

const LINES = linesOf(ENGINES.flatMap((engine) => engine.metrics));

export function isEngineName(name: string): boolean {
  return ENGINES.some((engine) => engine.name === name);
}

/**
 * Reads a metrics page as the named engine's. One that is not, or with no name given, is read as what
 * it is: a label may be wrong. An engine itself, which the operator has mapped, reads any page.
 */
export function readPage(page: string, named: string | Engine | null): EngineReading {
  return named !== null && typeof named === "object"
    ? named.read(metricFamilies(page, linesOf(named.metrics)))
    : readBuiltIn(page, named);
}

function readBuiltIn(page: string, engineName: string | null): EngineReading {
  const families = metricFamilies(page, LINES);
  const named = ENGINES.find((engine) => engine.name === engineName);
  return (named?.matches(families) ? named : detectEngine(families)).read(families);
}

/** The first engine whose metrics these are; the generic one when none knows them. */
function detectEngine(families: MetricFamilies): Engine {
  return ENGINES.find((engine) => engine.matches(families)) ?? generic;
}
