// Keeps the endpoints that a request's header lists, and nobody without it: how conformance tests
// choose the endpoint.
import { FILTER_LISTED } from "../../protocol/profile.ts";
import { NO_PARAMETERS, stepFilter } from "./plugin.ts";

export const headerBasedTestingFilter = stepFilter({
  type: "header-based-testing-filter",
  stability: "beta",
  parameters: NO_PARAMETERS,
  step: (_, numbering) => ({
    operation: FILTER_LISTED,
    parameters: [numbering.header("test-epp-endpoint-selection")],
  }),
});
