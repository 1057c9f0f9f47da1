// What Envoy itself answers when it has no answer of an endpoint: JSON, as clients of the OpenAI
// API read errors. The filter's own answers pass unchanged.

import type { EnvoyMessage } from "./message.ts";

/**
 * Response flags that Envoy sets on answers of its own: no route or cluster (NR, NC), no healthy
 * endpoint (UH), connection failed or ended (UF, UC, LR, UR), retries used up (URX), overflow (UO),
 * timeouts (UT, SI), protocol error (UPE).
 */
const ENVOY_FLAGS = ["NR", "NC", "UH", "UF", "UC", "LR", "UR", "URX", "UO", "UT", "SI", "UPE"];

export function localReplies(): EnvoyMessage {
  return {
    mappers: [
      {
        filter: { response_flag_filter: { flags: ENVOY_FLAGS } },
        body_format_override: {
          json_format: {
            error: {
              message: "%LOCAL_REPLY_BODY%",
              type: "gateway_error",
              code: "%RESPONSE_CODE_DETAILS%",
            },
          },
        },
      },
    ],
  };
}
