// What Envoy itself answers when it has no answer of an endpoint: JSON, as clients of the OpenAI
// API read errors. The filter's own answers pass unchanged.

import type { EnvoyMessage } from "./message.ts";

/** No endpoint that was tried answered: UH none healthy, UF and UC connection failed or ended, UR reset. */
const NO_ENDPOINT_FLAGS = ["UH", "UF", "UC", "UR"];

/**
 * Other flags of answers of Envoy's own: no route or cluster (NR, NC), reset here (LR), retries used
 * up (URX), overflow (UO), timeouts (UT, SI), protocol error (UPE).
 */
const OTHER_FLAGS = ["NR", "NC", "LR", "URX", "UO", "UT", "SI", "UPE"];

export function localReplies(): EnvoyMessage {
  return {
    mappers: [
      {
        ...mapper(NO_ENDPOINT_FLAGS, "no_endpoints"),
        headers_to_add: [
          {
            header: { key: "x-llm-d-request-dropped-reason", value: "rejected-no-endpoints" },
            append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
          },
        ],
      },
      mapper(OTHER_FLAGS, "gateway_error"),
    ],
  };
}

function mapper(flags: string[], code: string): EnvoyMessage {
  return {
    filter: { response_flag_filter: { flags } },
    body_format_override: {
      json_format: {
        error: { message: "%LOCAL_REPLY_BODY%", type: "service_unavailable", param: null, code },
      },
    },
  };
}
