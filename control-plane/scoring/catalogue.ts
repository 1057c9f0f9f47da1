// The scheduling plugins there are. One more scorer is one file and one line here.
import { activeRequestScorer } from "./active-request-scorer.ts";
import { byLabel, decodeFilter, encodeFilter, prefillFilter } from "./by-label-filters.ts";
import { concurrencyDetector } from "./concurrency-detector.ts";
import { contextLengthAware } from "./context-length-aware.ts";
import {
  alwaysDisaggMultimodalDecider,
  alwaysDisaggPdDecider,
  prefixBasedPdDecider,
  transferTimeDecider,
} from "./deciders.ts";
import { disaggProfileHandler, pdProfileHandler } from "./disaggregation-handlers.ts";
import { endpointAttributeFilter } from "./endpoint-attribute-filter.ts";
import { endpointAttributeScorer } from "./endpoint-attribute-scorer.ts";
import { headerBasedTestingFilter } from "./header-based-testing-filter.ts";
import { headerLabelAffinityScorer } from "./header-label-affinity-scorer.ts";
import { kvCacheUtilizationScorer } from "./kv-cache-utilization-scorer.ts";
import { byLabelSelector, labelSelectorFilter } from "./label-selector-filter.ts";
import { loadAwareScorer } from "./load-aware-scorer.ts";
import { loraAffinityScorer } from "./lora-affinity-scorer.ts";
import { noHitLruScorer } from "./no-hit-lru-scorer.ts";
import { maxScorePicker, randomPicker, weightedRandomPicker } from "./pickers.ts";
import type { Plugin } from "./plugin.ts";
import { prefixCacheAffinityFilter } from "./prefix-cache-affinity-filter.ts";
import { prefixCacheScorer } from "./prefix-cache-scorer.ts";
import { probabilisticAdmitter } from "./probabilistic-admitter.ts";
import { headerProfileHandler, singleProfileHandler } from "./profile-handlers.ts";
import { queueScorer } from "./queue-scorer.ts";
import { runningRequestsSizeScorer } from "./running-requests-size-scorer.ts";
import { sessionAffinityFilter, sessionAffinityScorer } from "./session-affinity.ts";
import { tokenCostScorer } from "./token-cost-scorer.ts";
import { tokenLoadScorer } from "./token-load-scorer.ts";
import { utilizationDetector } from "./utilization-detector.ts";
import { utilizationFilter } from "./utilization-filter.ts";

export const SCHEDULING_PLUGINS: readonly Plugin[] = [
  // By the endpoint alone.
  kvCacheUtilizationScorer,
  loadAwareScorer,
  // By the request, the candidates, or what is in flight.
  activeRequestScorer,
  contextLengthAware,
  endpointAttributeScorer,
  headerLabelAffinityScorer,
  loraAffinityScorer,
  noHitLruScorer,
  prefixCacheScorer,
  queueScorer,
  runningRequestsSizeScorer,
  sessionAffinityScorer,
  tokenCostScorer,
  tokenLoadScorer,
  // Filters.
  byLabel,
  byLabelSelector,
  decodeFilter,
  encodeFilter,
  endpointAttributeFilter,
  headerBasedTestingFilter,
  labelSelectorFilter,
  prefillFilter,
  prefixCacheAffinityFilter,
  sessionAffinityFilter,
  utilizationFilter,
  // Saturation detectors, which also filter.
  concurrencyDetector,
  utilizationDetector,
  // Admitters.
  probabilisticAdmitter,
  // Pickers.
  maxScorePicker,
  randomPicker,
  weightedRandomPicker,
  // Deciders of disaggregation.
  alwaysDisaggMultimodalDecider,
  alwaysDisaggPdDecider,
  prefixBasedPdDecider,
  transferTimeDecider,
  // Profile handlers.
  disaggProfileHandler,
  headerProfileHandler,
  pdProfileHandler,
  singleProfileHandler,
];
