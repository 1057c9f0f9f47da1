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
  /** Names this Envoy to people. */
  gateway?: string;
  /** Where routes lead to unless the filter names another cluster; without it, routes choose pools. */
  fallbackCluster?: string;
  /** The last known hints, base64. */
  hints?: string;
}

/** Where Envoy has the filter from: a file read when it starts, or a URL of a cluster. */
export type FilterCode = { path: string } | { url: string; cluster: string; sha256: string };

export interface FilterOptions {
  code: FilterCode;
  configuration: Omit<FilterConfiguration, "attachment">;
}

export function httpFilters(attachment: Attachment, filter: FilterOptions): EnvoyMessage[] {
  const router = extension("envoy.filters.http.router", `${HTTP}.router.v3.Router`, {
    suppress_envoy_headers: true,
  });
  if (attachment === "none") return [router];
  const wasm = wasmFilter(attachment, filter);
  return attachment === "pause" ? [wasm, router] : [wasm, bufferFilter(), router];
}

const HTTP = "envoy.extensions.filters.http";

/** Its place in the chain, by which routes speak of it. */
export const FILTER_NAME = "hintway";

export function wasmFilter(attachment: "pause" | "buffer", filter: FilterOptions): EnvoyMessage {
  const configuration: FilterConfiguration = { attachment, ...filter.configuration };
  return extension(FILTER_NAME, `${HTTP}.wasm.v3.Wasm`, {
    config: {
      name: "hintway",
      root_id: "hintway",
      failure_policy: "FAIL_RELOAD",
      reload_config: { backoff: { base_interval: "0.2s", max_interval: "1s" } },
      ...(attachment === "pause" ? { allow_on_headers_stop_iteration: true } : {}),
      configuration: {
        "@type": "type.googleapis.com/google.protobuf.StringValue",
        value: JSON.stringify(configuration),
      },
      vm_config: {
        vm_id: "hintway",
        runtime: "envoy.wasm.runtime.v8",
        code: codeSource(filter.code),
      },
    },
  });
}

function codeSource(code: FilterCode): EnvoyMessage {
  if ("path" in code) return { local: { filename: code.path } };
  const { url: uri, cluster, sha256 } = code;
  return { remote: { http_uri: { uri, cluster, timeout: "10s" }, sha256 } };
}

/** Holds the headers until the body is whole, so that the filter's choice comes before routing. */
export function bufferFilter(): EnvoyMessage {
  return extension("envoy.filters.http.buffer", `${HTTP}.buffer.v3.Buffer`, {
    max_request_bytes: BODY_BYTES_MAX,
  });
}
