// llama.cpp's server with --metrics (tools/server/README.md of ggml-org/llama.cpp). Builds since
// mid-2025 tell no KV cache use; the size of the cache is in none.
import { type Engine, emptyReading, meanShare, sum } from "./reading.ts";

const WAITING = "llamacpp:requests_deferred";
const RUNNING = "llamacpp:requests_processing";
const KV_USE = "llamacpp:kv_cache_usage_ratio";

export const llamaCpp: Engine = {
  name: "llama-cpp",
  metrics: [WAITING, RUNNING, KV_USE],
  matches: (families) => families.has(RUNNING),
  read: (families) => ({
    ...emptyReading("llama-cpp"),
    waiting: sum(families, WAITING),
    running: sum(families, RUNNING),
    kvUse: meanShare(families, KV_USE),
  }),
};
