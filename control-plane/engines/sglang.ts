// SGLang with --enable-metrics (https://docs.sglang.ai/references/production_metrics.html).

import type { MetricFamilies } from "./metric-families.ts";
import {
  type Engine,
  type EngineReading,
  emptyReading,
  meanShare,
  positive,
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
    ...cache(families),
  }),
};

/** Page size and number stand in labels; data-parallel ranks each have a cache of their own. */
function cache(families: MetricFamilies): Pick<EngineReading, "cacheTokens" | "blockTokens"> {
  let cacheTokens = 0;
  let blockTokens: number | null = null;
  for (const { labels } of samples(families, CACHE)) {
    const page = positive(labels["page_size"]);
    cacheTokens += (positive(labels["num_pages"]) ?? 0) * (page ?? 0);
    blockTokens ??= page;
  }
  return { cacheTokens: positive(cacheTokens), blockTokens };
}
