// A session's requests go to one endpoint: as a filter, only there; as a scorer, rather there. The
// response gives the client a token in a header; the client brings it back. Upstream's token is
// the Pod's name in base64, here it is the endpoint's address: to clients both are opaque.
import { type Static, Type } from "typebox";
import { FILTER_SESSION, SCORE_SESSION } from "../../protocol/profile.ts";
import {
  HEADER_NAME_WANTED,
  isHeaderName,
  type Numbering,
  parameters,
  stepFilter,
  stepScorer,
} from "./plugin.ts";

const HEADER = "x-session-token";

const sessionParameters = parameters({
  strategy: Type.Enum(["encoded_endpoint_header", "session_id"], {
    default: "encoded_endpoint_header",
  }),
  encodedEndpointHeaderConfig: parameters({ header: Type.String({ default: "" }) }),
  // Only the configuration of the strategy is used.
  sessionIdConfig: parameters({
    sources: Type.Array(
      parameters({
        header: Type.String({ default: "" }),
        attribute: Type.String({ default: "" }),
        producer: Type.String({ default: "" }),
      }),
      { default: [] },
    ),
    evictionTtlSeconds: Type.Number({ default: 0 }),
    evictionSweepSeconds: Type.Number({ default: 0 }),
  }),
  profileName: Type.String({ default: "" }),
});
type SessionParameters = Static<typeof sessionParameters>;

function sessionHeader({ encodedEndpointHeaderConfig: { header } }: SessionParameters): string {
  return header.trim().toLowerCase() || HEADER;
}

function refuse(given: SessionParameters) {
  if (given.strategy === "session_id") {
    return { path: ["strategy"], problem: "use encoded_endpoint_header; no bindings are kept" };
  }
  if (isHeaderName(sessionHeader(given))) return undefined;
  const problem = `must be ${HEADER_NAME_WANTED}`;
  return { path: ["encodedEndpointHeaderConfig", "header"], problem };
}

function warn({ profileName }: SessionParameters): string[] {
  return profileName === "" ? [] : ["profileName has no effect: one profile runs"];
}

function step(operation: number) {
  return (given: SessionParameters, numbering: Numbering) => ({
    operation,
    parameters: [numbering.header(sessionHeader(given))],
  });
}

const described = { stability: "alpha", parameters: sessionParameters, refuse, warn } as const;

export const sessionAffinityFilter = stepFilter({
  type: "session-affinity-filter",
  ...described,
  step: step(FILTER_SESSION),
});

export const sessionAffinityScorer = stepScorer({
  type: "session-affinity-scorer",
  ...described,
  step: step(SCORE_SESSION),
});
