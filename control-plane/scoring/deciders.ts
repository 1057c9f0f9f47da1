// Whether a stage of a request runs elsewhere: prefill, or the encoding of its media. All but the last
// are upstream's.
import { Type } from "typebox";
import {
  DECIDE_ALWAYS,
  DECIDE_MEDIA,
  DECIDE_TIME,
  DECIDE_UNCACHED,
} from "../../protocol/records.ts";
import { decider, NO_PARAMETERS, parameters, producerName } from "./plugin.ts";

export const alwaysDisaggPdDecider = decider({
  type: "always-disagg-pd-decider",
  stability: "beta",
  parameters: NO_PARAMETERS,
  decides: () => ({ decider: DECIDE_ALWAYS, parameters: [0, 0] }),
});

/** Where the prompt has an image, a sound or a video. */
export const alwaysDisaggMultimodalDecider = decider({
  type: "always-disagg-multimodal-decider",
  stability: "beta",
  parameters: NO_PARAMETERS,
  decides: () => ({ decider: DECIDE_MEDIA, parameters: [0, 0] }),
});

const tokens = Type.Integer({ default: 0, minimum: 0, maximum: 1_000_000_000 });

export const prefixBasedPdDecider = decider({
  type: "prefix-based-pd-decider",
  stability: "beta",
  parameters: parameters({
    /** 0 disaggregates nothing. */
    nonCachedTokens: tokens,
    promptTokens: tokens,
    prefixMatchInfoProducerName: producerName,
  }),
  decides: ({ nonCachedTokens, promptTokens }) => ({
    decider: DECIDE_UNCACHED,
    parameters: [nonCachedTokens, promptTokens],
  }),
});

/** By time: reading the prompt where it decodes, against prefill elsewhere and the transfer. */
export const transferTimeDecider = decider({
  type: "transfer-time-decider",
  stability: "beta",
  parameters: NO_PARAMETERS,
  decides: () => ({ decider: DECIDE_TIME, parameters: [0, 0] }),
});
