// The HTTP filters a request passes, in order.

import { type EnvoyMessage, extension } from "./message.ts";

/**
 * How the filter holds a request until it has read the body: `pause` holds the headers itself,
 * `buffer` lets a buffer filter do so, `none` is the same gateway without the filter.
 */
export type Attachment = "pause" | "buffer" | "none";

/**
 * What Envoy holds of one request body. The filter refuses bodies over 32 MiB with a JSON error;
 * the rest is slack, so that its answer comes before Envoy's own.
 */
export const BODY_BYTES_MAX = 33 * 1024 * 1024;

/** What the filter is told once, at its start. All that is tuned arrives in the hints. */
interface FilterConfiguration {
  attachment: "pause" | "buffer";
  /** The cluster that answers hints and reports; Envoy adds the bearer token below it. */
  controlPlaneCluster: string;
  /** Names this Envoy to the control plane. */
  gateway: string;
  /** The last known hints, base64. */
  hints?: string;
}

export interface FilterOptions {
  /** Path of the filter, read by Envoy when it starts. */
  path: string;
  configuration: Omit<FilterConfiguration, "attachment">;
}

export function httpFilters(attachment: Attachment, filter: FilterOptions): EnvoyMessage[] {
  const router = extension("envoy.filters.http.router", `${HTTP}.router.v3.Router`, {
    suppress_envoy_headers: true,
  });
  if (attachment === "none") return [router];
  const wasm = wasmFilter(filter.path, { attachment, ...filter.configuration });
  return attachment === "pause" ? [wasm, router] : [wasm, bufferFilter(), router];
}

const HTTP = "envoy.extensions.filters.http";

function wasmFilter(path: string, configuration: FilterConfiguration): EnvoyMessage {
  return extension("hintway", `${HTTP}.wasm.v3.Wasm`, {
    config: {
      name: "hintway",
      root_id: "hintway",
      failure_policy: "FAIL_RELOAD",
      reload_config: { backoff: { base_interval: "0.2s", max_interval: "1s" } },
      ...(configuration.attachment === "pause" ? { allow_on_headers_stop_iteration: true } : {}),
      configuration: {
        "@type": "type.googleapis.com/google.protobuf.StringValue",
        value: JSON.stringify(configuration),
      },
      vm_config: {
        vm_id: "hintway",
        runtime: "envoy.wasm.runtime.v8",
        code: { local: { filename: path } },
      },
    },
  });
}

/** Holds the headers until the body is whole, so that the filter's choice comes before routing. */
function bufferFilter(): EnvoyMessage {
  return extension("envoy.filters.http.buffer", `${HTTP}.buffer.v3.Buffer`, {
    max_request_bytes: BODY_BYTES_MAX,
  });
}
