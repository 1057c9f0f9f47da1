// SGLang with --enable-metrics (https://docs.sglang.ai/references/production_metrics.html).

import {
  cacheInLabels,
  type Engine,
  emptyReading,
  meanShare,
  modelNames,
  samples,
  sum,
} from "./reading.ts";

const WAITING = "sglang:num_queue_reqs";
const RUNNING = "sglang:num_running_reqs";
const KV_USE = "sglang:token_usage";
const CACHE = "sglang:cache_config_info";

export const sglang: Engine = {
  name: "sglang",
  metrics: [WAITING, RUNNING, KV_USE, CACHE],
  matches: (families) => families.has(WAITING) || families.has(RUNNING),
  read: (families) => ({
    ...emptyReading("sglang"),
    waiting: sum(families, WAITING),
    running: sum(families, RUNNING),
    kvUse: meanShare(families, KV_USE),
    ...cacheInLabels(samples(families, CACHE), { blockTokens: "page_size", blocks: "num_pages" }),
    models: modelNames(families, families.has(WAITING) ? WAITING : RUNNING),
  }),
};
