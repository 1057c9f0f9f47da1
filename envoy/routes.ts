// Where a request goes once the filter has picked, and when it is tried again.

import { FALLBACKS_STANDARD } from "../protocol/limits.ts";
import { CLUSTER_HEADER } from "../protocol/names.ts";
import type { Attachment } from "./filters.ts";
import type { EnvoyMessage } from "./message.ts";

/**
 * Where requests go for which the filter names no cluster: those of a pool of this name, and all
 * while the filter knows nothing yet.
 */
export const FALLBACK_CLUSTER = "pool";

export interface RouteOptions {
  attachment: Attachment;
  /** How much of a request body is held for the pick and for a second try. */
  bodyBytesMax: number;
  /**
   * Endpoints that the filter names after its pick, as the control plane tells it to: each is worth
   * a try. FALLBACKS_STANDARD by default.
   */
  fallbacks?: number;
}

/** Every path goes to the cluster that the filter names. */
export function routeConfiguration(options: RouteOptions): EnvoyMessage {
  const named = {
    match: { prefix: "/", headers: [{ name: CLUSTER_HEADER, present_match: true }] },
    route: { cluster_header: CLUSTER_HEADER, ...routeAction(options) },
  };
  const other = {
    match: { prefix: "/" },
    route: { cluster: FALLBACK_CLUSTER, ...routeAction(options) },
  };
  return {
    name: "hintway",
    // Pools' clusters come by discovery, after these routes.
    validate_clusters: false,
    virtual_hosts: [
      {
        name: "hintway",
        domains: ["*"],
        ...virtualHostFields(options.bodyBytesMax),
        routes: options.attachment === "buffer" ? [other] : [named, other],
      },
    ],
  };
}

export function virtualHostFields(bodyBytesMax: number): EnvoyMessage {
  return {
    request_body_buffer_limit: bodyBytesMax,
    // The filter reads from it, with no call to the host, that the first endpoint has answered.
    include_attempt_count_in_response: true,
  };
}

function routeAction(options: RouteOptions): EnvoyMessage {
  const { attachment, fallbacks = FALLBACKS_STANDARD } = options;
  return {
    // Answers take as long as they take: a model may write for many minutes.
    timeout: "0s",
    retry_policy: {
      ...(attachment === "buffer" ? RETRY_SAME_ENDPOINT : retryNextEndpoint(fallbacks)),
      retry_back_off: { base_interval: "0.005s", max_interval: "0.05s" },
    },
  };
}

/**
 * A request without response headers is tried on the next endpoint of the destination. No host
 * predicate is needed: override_host walks its list by itself, one entry a try.
 */
export function retryNextEndpoint(fallbacks: number): EnvoyMessage {
  return {
    retry_on: "connect-failure,refused-stream,reset,retriable-status-codes",
    retriable_status_codes: [503],
    num_retries: fallbacks,
  };
}

/** One address is all there is, so only what the endpoint has not begun on is tried again. */
const RETRY_SAME_ENDPOINT = {
  retry_on: "connect-failure,refused-stream,reset-before-request",
  num_retries: 1,
};
