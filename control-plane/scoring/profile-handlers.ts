// Which profile runs for a request: the only one there is, or the one that a header names.
import { Type } from "typebox";
import {
  HEADER_NAME_WANTED,
  isHeaderName,
  NO_PARAMETERS,
  parameters,
  profileHandler,
} from "./plugin.ts";

export const singleProfileHandler = profileHandler({
  type: "single-profile-handler",
  stability: "beta",
  parameters: NO_PARAMETERS,
  chooses: () => undefined,
});

const HEADER = "epp-profile";
const PROFILE = "decode";

const headerOf = (headerName: string) => headerName.trim().toLowerCase() || HEADER;

/** Where there is one profile it runs, whatever the header says. */
export const headerProfileHandler = profileHandler({
  type: "header-profile-handler",
  stability: "alpha",
  parameters: parameters({
    headerName: Type.String({ default: "" }),
    defaultProfile: Type.String({ default: "" }),
  }),
  refuse({ headerName }) {
    if (isHeaderName(headerOf(headerName))) return undefined;
    return { path: ["headerName"], problem: `must be ${HEADER_NAME_WANTED}` };
  },
  chooses: ({ headerName, defaultProfile }) => ({
    headerName: headerOf(headerName),
    defaultProfile: defaultProfile.trim() || PROFILE,
  }),
});
