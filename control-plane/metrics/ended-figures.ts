// One ended request as gateways tell it, in the words of metric labels.

import { DONE_FLAG_ENCODE_FAILED, DONE_FLAG_ENCODED } from "../../protocol/encoding-records.ts";
import { isRefusal, reasonName } from "../../protocol/reasons.ts";
import {
  DONE_FLAG_CUT,
  DONE_FLAG_DECIDED,
  DONE_FLAG_DISAGGREGATED,
  DONE_FLAG_NO_EFFECT,
  DONE_FLAG_PREFILL_FAILED,
  DONE_FLAG_SHADOW,
  DONE_FLAG_STREAMED,
  NO_COUNT,
  STAGE_BLIND,
  STAGE_FRESH,
  STAGE_STALE,
} from "../../protocol/records.ts";
import type { EndedRequest } from "../hints/reports.ts";
import type { EndedFigures } from "./figures.ts";

const STAGES = new Map<number, string>([
  [STAGE_FRESH, "fresh"],
  [STAGE_STALE, "stale"],
  [STAGE_BLIND, "blind"],
]);

export function endedFigures(request: EndedRequest, model: string): EndedFigures {
  const { flags, firstByteMs, pool, endpoint } = request;
  return {
    pool: pool?.name ?? "",
    endpoint: endpoint?.address ?? "",
    model,
    stage: STAGES.get(request.stage) ?? "unknown",
    reason: reasonName(request.reason),
    isRefused: isRefusal(request.reason),
    priority: request.priority,
    shadow: shadowOf(request),
    status: request.status,
    isStreamed: (flags & DONE_FLAG_STREAMED) !== 0,
    disaggregation: disaggregationOf(flags),
    isCut: (flags & DONE_FLAG_CUT) !== 0,
    hasEffect: (flags & DONE_FLAG_NO_EFFECT) === 0,
    totalMs: request.totalMs,
    firstByteMs: firstByteMs === NO_COUNT || isRefusal(request.reason) ? null : firstByteMs,
    promptTokens: request.promptTokens,
    cachedTokens: request.cachedTokens,
    completionTokens: request.completionTokens,
    believedCachedTokens: pool ? request.matchedBytes / pool.tokens.bytesPerToken : 0,
  };
}

function shadowOf(request: EndedRequest): EndedFigures["shadow"] {
  const { flags, pool, endpoint, picked, pickedMatchedBytes } = request;
  if ((flags & DONE_FLAG_SHADOW) === 0 || !pool || !endpoint || isRefusal(request.reason))
    return null;
  const pickedCachedTokens = pickedMatchedBytes / pool.tokens.bytesPerToken;
  return { isSame: picked === endpoint, pickedCachedTokens };
}

function disaggregationOf(flags: number): EndedFigures["disaggregation"] {
  if ((flags & DONE_FLAG_DECIDED) === 0) return undefined;
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    prefill: {
      isElsewhere: has(DONE_FLAG_DISAGGREGATED),
      hasFailed: has(DONE_FLAG_PREFILL_FAILED),
    },
    encode: { isElsewhere: has(DONE_FLAG_ENCODED), hasFailed: has(DONE_FLAG_ENCODE_FAILED) },
  };
}
