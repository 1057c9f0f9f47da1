// Handlers that run a profile for decode and one for prefill (llm-d-router,
// pkg/epp/framework/plugins/scheduling/profilehandler/disagg).
import { Type } from "typebox";
import { parameters, profileHandler } from "./plugin.ts";

const name = Type.Optional(Type.String());
const none = () => undefined;

function inStageOrder(stageOrder: string): boolean {
  return !/^prefill[-_]?(first)?$/i.test(stageOrder);
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
    if (deciders?.encode || older.encodeDeciderPluginName) {
      return { path: ["deciders", "encode"], problem: "there is no encode stage here; remove it" };
    }
    if (profiles?.fallback) {
      const problem = "decode alone is what there is to fall back on; remove it";
      return { path: ["profiles", "fallback"], problem };
    }
    if (inStageOrder(stageOrder) || !deciders?.prefill) return undefined;
    const problem = "prefill-first has prefill run always; remove the decider";
    return { path: ["deciders", "prefill"], problem };
  },
  chooses: none,
  disaggregates({ stageOrder, profiles, deciders, ...older }) {
    const decider =
      deciders?.prefill || older.prefillDeciderPluginName || older.deciderPluginName || undefined;
    return {
      decode: profiles?.decode || older.decodeProfile || "decode",
      prefill: profiles?.prefill || older.prefillProfile || "prefill",
      decider: inStageOrder(stageOrder) ? decider : "always-disagg-pd-decider",
    };
  },
});

export const pdProfileHandler = profileHandler({
  type: "pd-profile-handler",
  stability: "beta",
  parameters: parameters({
    decodeProfile: Type.String({ default: "decode" }),
    prefillProfile: Type.String({ default: "prefill" }),
    deciderPluginName: Type.String({ default: "prefix-based-pd-decider" }),
    prefixMatchInfoProducerName: name,
    prefixPluginType: name,
    prefixPluginName: name,
    primaryPort: Type.Optional(Type.Integer()),
  }),
  chooses: none,
  disaggregates: ({ decodeProfile, prefillProfile, deciderPluginName }) => ({
    decode: decodeProfile,
    prefill: prefillProfile,
    decider: deciderPluginName,
  }),
});
