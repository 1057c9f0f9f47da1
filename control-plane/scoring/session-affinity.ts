// A session's requests go to one endpoint: as a filter, only there; as a scorer, rather there.
// A header carries the session.
import { type Static, Type } from "typebox";
import { FILTER_SESSION, SCORE_SESSION } from "../../protocol/profile.ts";
import { nameHash } from "../hints/name-hash.ts";
import { parameters, stepFilter, stepScorer } from "./plugin.ts";

const sessionParameters = parameters({
  strategy: Type.Enum(["encoded_endpoint_header", "session_id"], {
    default: "encoded_endpoint_header",
  }),
  encodedEndpointHeaderConfig: parameters({ header: Type.String({ default: "" }) }),
  sessionIdConfig: parameters({
    sources: Type.Array(
      parameters({
        header: Type.String({ default: "" }),
        attribute: Type.String({ default: "" }),
        producer: Type.String({ default: "" }),
      }),
      { default: [] },
    ),
    evictionTtlSeconds: Type.Number({ default: 0, minimum: 0 }),
    evictionSweepSeconds: Type.Number({ default: 0, minimum: 0 }),
  }),
  profileName: Type.String({ default: "" }),
});
type SessionParameters = Static<typeof sessionParameters>;

/** The header whose value names the session. */
function sessionHeader({ strategy, ...given }: SessionParameters): string {
  const [name, fallback] =
    strategy === "session_id"
      ? [given.sessionIdConfig.sources[0]?.header, "x-session-id"]
      : [given.encodedEndpointHeaderConfig.header, "x-session-token"];
  return name?.trim().toLowerCase() || fallback;
}

function refuse({ strategy, sessionIdConfig: { sources } }: SessionParameters) {
  const path = ["sessionIdConfig", "sources"];
  if (strategy !== "session_id") return undefined;
  if (sources.length > 1) return { path, problem: "only one source is read here; leave one" };
  const [source] = sources;
  if (source === undefined || (source.header !== "" && source.attribute === "")) return undefined;
  return { path, problem: "only a header is read here; name the header" };
}

function warn(given: SessionParameters): string[] {
  const warnings: string[] = [];
  if (given.profileName !== "") warnings.push("profileName has no effect: one profile runs");
  const { evictionTtlSeconds, evictionSweepSeconds } = given.sessionIdConfig;
  if (evictionTtlSeconds > 0 || evictionSweepSeconds > 0) {
    warnings.push("evictionTtlSeconds and evictionSweepSeconds have no effect");
  }
  return warnings;
}

function headerHash(given: SessionParameters): number[] {
  const { low, high } = nameHash(sessionHeader(given));
  return [low, high];
}

const described = { stability: "alpha", parameters: sessionParameters, refuse, warn } as const;

export const sessionAffinityFilter = stepFilter({
  type: "session-affinity-filter",
  ...described,
  step: (given) => ({ operation: FILTER_SESSION, parameters: headerHash(given) }),
});

export const sessionAffinityScorer = stepScorer({
  type: "session-affinity-scorer",
  ...described,
  step: (given) => ({ operation: SCORE_SESSION, parameters: headerHash(given) }),
});
