// The linear memory of the shipped filter over many requests, under the host emulator.

import { FINE_BLOCKS } from "../../protocol/keys.ts";
import { ask, chatBody, serve } from "../../test/support/asked.ts";
import { FilteredGateway } from "../../test/support/filtered-gateway.ts";
import { tableOf } from "../../test/support/hints-written.ts";

export interface MemoryAt {
  requests: number;
  keys: number;
  bytes: number;
}

export interface EmulatedPlan {
  requests: number;
  /** Keys in the index, reached after an eighth as many requests. */
  keys: number;
}

const ENDPOINTS = 4;
/** An index keeps so many times an endpoint's capacity. */
const KEPT_TIMES = 6;
/** Caches are counted in blocks: prompts are so short that each block has a key of its own. */
const PROMPT_BYTES = FINE_BLOCKS * 1024;
const ANSWER = '{"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
const SAMPLES = 10;
/** The worker's tick empties what it has to tell. */
const TICK_REQUESTS = 16;

/** Prompts are never repeated: each brings its own keys, and the oldest are forgotten for them. */
export function emulatedMemory({ requests, keys }: EmulatedPlan): MemoryAt[] {
  const capacityBlocks = Math.ceil(keys / ENDPOINTS / KEPT_TIMES);
  const endpoints = Array.from({ length: ENDPOINTS }, (_, slot) => ({ slot, capacityBlocks }));
  const hints = tableOf(ENDPOINTS, { endpoints, settings: { indexKeysMax: keys } });
  const gateway = new FilteredGateway({ hints, vm: { isRecording: false } });
  const seen: MemoryAt[] = [];
  for (let number = 1; number <= requests; number++) {
    const content = `${number} `.padEnd(PROMPT_BYTES, "x");
    serve(ask(gateway.worker, { body: chatBody(content) }), {}, ANSWER);
    if (number % TICK_REQUESTS === 0) gateway.run(5);
    if (number % Math.ceil(requests / SAMPLES) === 0) seen.push(memoryAt(gateway, number));
  }
  return seen;
}

function memoryAt(gateway: FilteredGateway, requests: number): MemoryAt {
  gateway.run(300);
  const keys = gateway.metrics.all().find(({ name }) => name.endsWith(".index_keys"))?.value ?? 0;
  return { requests, keys, bytes: gateway.worker.memory.bytes };
}
