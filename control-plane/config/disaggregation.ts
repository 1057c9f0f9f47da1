// What a configuration's handler makes of encoding, prefill and decode: which profiles, and who decides.
import { DECIDE_NEVER, DECIDE_UNCACHED } from "../../protocol/records.ts";
import type { DeciderBody } from "../scoring/plugin.ts";
import { type DeclaredPlugin, declaredOrDefault } from "./declared-plugins.ts";
import type { ConfigurationDocument } from "./document.ts";
import type { Profile } from "./profile.ts";

export interface DisaggregationPlan extends DeciderBody {
  /** Endpoints are told apart by their roles; else the profiles' filters do that. */
  hasRoles: boolean;
  /** Numbers of profiles: decode alone, prefill, decode once prefill has answered. */
  decode: number;
  prefill: number;
  transferred: number;
  /** Undefined where media are encoded where the prompt is read. */
  encoding: EncodingPlan | undefined;
}

export interface EncodingPlan extends DeciderBody {
  /** The profile that picks encoders. */
  profile: number;
}

/** Undefined where no handler disaggregates. */
export function disaggregationOf(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
  handler: DeclaredPlugin | undefined,
  profiles: readonly Profile[],
): DisaggregationPlan | undefined {
  if (handler?.plugin.role !== "profile handler") return undefined;
  const wanted = handler.plugin.disaggregates?.(handler.parameters);
  if (wanted === undefined) return undefined;
  const numberOf = (name: string) => {
    const number = profiles.findIndex((profile) => profile.name === name);
    if (number !== -1) return number;
    const problem = `${handler.name} runs a profile of this name; add it to schedulingProfiles`;
    throw document.invalid(["schedulingProfiles"], name, problem);
  };
  const decode = numberOf(wanted.decode);
  const bodyOf = (decider: string | DeciderBody | undefined) =>
    deciderBody(document, declared, handler.name, decider);
  const encode = bodyOf(wanted.encodeDecider);
  const encoding = encode && { ...encode, profile: numberOf(wanted.encode) };
  const body = bodyOf(wanted.decider);
  if (!body && !encode) {
    const text = `${handler.name} has no decider for prefill: all requests decode alone`;
    document.warn(["plugins"], text);
  }
  const prefill = body ? numberOf(wanted.prefill) : decode;
  return { ...(body ?? NEVER), hasRoles: false, decode, prefill, transferred: decode, encoding };
}

const NEVER: DeciderBody = { decider: DECIDE_NEVER, parameters: [0, 0] };

/** Without a decider a stage is not run elsewhere, as upstream has it. */
function deciderBody(
  document: ConfigurationDocument,
  declared: ReadonlyMap<string, DeclaredPlugin>,
  handler: string,
  wanted: string | DeciderBody | undefined,
): DeciderBody | undefined {
  if (typeof wanted !== "string") return wanted;
  const found = declaredOrDefault(declared, wanted);
  if (found?.plugin.role !== "decider") {
    const problem = `${handler} needs a decider of this name among the plugins`;
    throw document.invalid(["plugins"], wanted, problem);
  }
  const body = found.plugin.decides(found.parameters);
  if (body.decider === DECIDE_UNCACHED && body.parameters[0] === 0) {
    document.warn(["plugins"], `nonCachedTokens of ${wanted} is 0: all requests decode alone`);
  }
  return body;
}
