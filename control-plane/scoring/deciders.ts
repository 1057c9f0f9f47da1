// Whether prefill of a request runs elsewhere. The first two are upstream's, the last is ours.
import { Type } from "typebox";
import { DECIDE_ALWAYS, DECIDE_TIME, DECIDE_UNCACHED } from "../../protocol/records.ts";
import { decider, NO_PARAMETERS, parameters, producerName } from "./plugin.ts";

export const alwaysDisaggPdDecider = decider({
  type: "always-disagg-pd-decider",
  stability: "beta",
  parameters: NO_PARAMETERS,
  decides: () => ({ decider: DECIDE_ALWAYS, parameters: [0, 0] }),
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
