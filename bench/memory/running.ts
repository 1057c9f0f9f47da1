// The memory of a real Envoy with the filter over many requests.

import { memoryOf, type ProcessMemory } from "../measure/memory.ts";
import { startGateways } from "../speed/gateways.ts";

export interface RunningAt extends ProcessMemory {
  requests: number;
}

const LOAD = {
  bodyBytes: 1200,
  connections: 16,
  prompts: "unique",
  chunks: 0,
  asksUsage: false,
} as const;
const SECONDS = 1;
const SAMPLES = 10;

/** Never-repeated prompts of one key each. */
export async function runningMemory(requests: number): Promise<RunningAt[]> {
  const gateways = await startGateways({ endpoints: 4, indexKeys: 0 }, undefined);
  try {
    const { port } = gateways.envoyOf("pause");
    const seen: RunningAt[] = [];
    let done = 0;
    while (done < requests) {
      const load = { ...LOAD, port, warmSeconds: 0, seconds: SECONDS, processes: {} };
      done += (await gateways.load.run(load)).requests;
      if (done < ((seen.length + 1) * requests) / SAMPLES) continue;
      seen.push({ requests: done, ...memoryOf(gateways.processesFor("pause")["envoy"] ?? 0) });
    }
    return seen;
  } finally {
    await gateways.stop();
  }
}
