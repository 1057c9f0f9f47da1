// Handlers that run a profile for decode, one for prefill and one for encoding media (llm-d-router,
// pkg/epp/framework/plugins/scheduling/profilehandler/disagg).
import { Type } from "typebox";
import { DECIDE_ALWAYS, DECIDE_UNCACHED } from "../../protocol/records.ts";
import { type DeciderBody, parameters, profileHandler } from "./plugin.ts";

const name = Type.Optional(Type.String());
const none = () => undefined;

function inStageOrder(stageOrder: string): boolean {
  return !/^prefill[-_]?(first)?$/i.test(stageOrder);
}

/** Where the first of these that is given stands. */
function firstGiven(...all: [path: string[], value: string | undefined][]): string[] | undefined {
  return all.find(([, value]) => value)?.[0];
}

export const disaggProfileHandler = profileHandler({
  type: "disagg-profile-handler",
  stability: "beta",
  parameters: parameters({
    stageOrder: Type.String({
      default: "",
      pattern: "^(?:[Dd]ecode|[Pp]refill)?(?:[-_]?[Ff]irst)?$",
    }),
    profiles: Type.Optional(
      parameters({ decode: name, prefill: name, encode: name, fallback: name }),
    ),
    deciders: Type.Optional(parameters({ prefill: name, encode: name })),
    // Of versions before 0.8.
    decodeProfile: name,
    prefillProfile: name,
    encodeProfile: name,
    prefillDeciderPluginName: name,
    encodeDeciderPluginName: name,
    deciderPluginName: name,
  }),
  refuse({ stageOrder, profiles, deciders, ...older }) {
    if (profiles?.fallback) {
      const problem = "decode alone is what there is to fall back on; remove it";
      return { path: ["profiles", "fallback"], problem };
    }
    const prefill = firstGiven(
      [["deciders", "prefill"], deciders?.prefill],
      [["prefillDeciderPluginName"], older.prefillDeciderPluginName],
      [["deciderPluginName"], older.deciderPluginName],
    );
    if (inStageOrder(stageOrder) || !prefill) return undefined;
    const problem = "prefill-first has prefill run always; remove the decider";
    return { path: prefill, problem };
  },
  chooses: none,
  disaggregates({ stageOrder, profiles, deciders, ...older }) {
    const decider =
      deciders?.prefill || older.prefillDeciderPluginName || older.deciderPluginName || undefined;
    return {
      decode: profiles?.decode || older.decodeProfile || "decode",
      prefill: profiles?.prefill || older.prefillProfile || "prefill",
      decider: inStageOrder(stageOrder) ? decider : "always-disagg-pd-decider",
      encode: profiles?.encode || older.encodeProfile || "encode",
      encodeDecider: deciders?.encode || older.encodeDeciderPluginName || undefined,
    };
  },
});

export const pdProfileHandler = profileHandler({
  type: "pd-profile-handler",
  stability: "beta",
  parameters: parameters({
    decodeProfile: Type.String({ default: "decode" }),
    prefillProfile: Type.String({ default: "prefill" }),
    deciderPluginName: Type.Optional(Type.String({ minLength: 1 })),
    // Of versions before 0.6, which had no deciders: bytes of a prompt that are not cached where it
    // decodes, from which on prefill runs elsewhere, at 0 always; and an index's block.
    threshold: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000 })),
    hashBlockSize: Type.Optional(Type.Integer({ minimum: 1 })),
    prefixMatchInfoProducerName: name,
    prefixPluginType: name,
    prefixPluginName: name,
    primaryPort: Type.Optional(Type.Integer()),
  }),
  refuse({ threshold, deciderPluginName }) {
    if (threshold === undefined || deciderPluginName === undefined) return undefined;
    return { path: ["threshold"], problem: "the decider that is named decides; remove one" };
  },
  warn({ threshold = 0, hashBlockSize }) {
    const warnings = [];
    if (threshold > 0) {
      const told = `taken as ${tokensIn(threshold)} tokens of ${BYTES_PER_TOKEN} bytes`;
      warnings.push(`threshold counts bytes, and is ${told}`);
    }
    if (hashBlockSize) warnings.push("hashBlockSize has no effect: the index has its own blocks");
    return warnings;
  },
  chooses: none,
  disaggregates({ decodeProfile, prefillProfile, deciderPluginName, threshold, hashBlockSize }) {
    const isOld = threshold !== undefined || hashBlockSize !== undefined;
    const decider =
      deciderPluginName ?? (isOld ? byThreshold(threshold ?? 0) : "prefix-based-pd-decider");
    const encoding = { encode: "encode", encodeDecider: undefined };
    return { decode: decodeProfile, prefill: prefillProfile, decider, ...encoding };
  },
});

/** Upstream's own estimate, and what a pool begins with. */
const BYTES_PER_TOKEN = 4;

function tokensIn(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

function byThreshold(bytes: number): DeciderBody {
  if (bytes === 0) return { decider: DECIDE_ALWAYS, parameters: [0, 0] };
  return { decider: DECIDE_UNCACHED, parameters: [tokensIn(bytes), 0] };
}
