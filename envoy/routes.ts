// Where a request goes once the filter has picked.

import type { EnvoyMessage } from "./message.ts";

/** Set by the filter when the last known hints decide, and never taken from a client. */
export const COLD_HEADER = "x-hintway-cold";

/** Names the endpoints to try, `ip:port,ip:port`, best first. Never taken from a client. */
export const DESTINATION_HEADER = "x-gateway-destination-endpoint";

/** Every path goes to the pool; while the filter says so, to the pool as it was last known. */
export function routeConfiguration(hasLastKnown: boolean, bodyBytesMax: number): EnvoyMessage {
  const cold = {
    match: { prefix: "/", headers: [{ name: COLD_HEADER, string_match: { exact: "1" } }] },
    route: routeAction("pool-last-known"),
  };
  const normal = { match: { prefix: "/" }, route: routeAction("pool") };
  return {
    name: "hintway",
    // The pool's cluster comes by discovery, after this route.
    validate_clusters: false,
    virtual_hosts: [
      {
        name: "hintway",
        domains: ["*"],
        request_body_buffer_limit: bodyBytesMax,
        routes: hasLastKnown ? [cold, normal] : [normal],
      },
    ],
  };
}

/**
 * Answers may take as long as they take: a model may think for minutes before its first byte.
 * A request that has no response headers yet goes to the next endpoint of the destination.
 */
function routeAction(cluster: string): EnvoyMessage {
  return {
    cluster,
    timeout: "0s",
    retry_policy: {
      retry_on: "connect-failure,refused-stream,reset,retriable-status-codes",
      retriable_status_codes: [503],
      num_retries: 2,
      retry_back_off: { base_interval: "0.005s", max_interval: "0.05s" },
    },
  };
}
