// The same gateway as changes to what Istio configures: the patches of an EnvoyFilter.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/

import { CONTROL_PLANE_CLUSTER } from "../protocol/names.ts";
import {
  controlPlaneCluster,
  namedDestination,
  originalDestinationCluster,
  type Transport,
} from "./clusters.ts";
import {
  BODY_BYTES_MAX,
  bufferFilter,
  FILTER_NAME,
  type FilterCode,
  wasmFilter,
} from "./filters.ts";
import { stripRoutingHeaders } from "./listener.ts";
import { localReplies } from "./local-replies.ts";
import type { Address, EnvoyMessage } from "./message.ts";
import { retryNextEndpoint, virtualHostFields } from "./routes.ts";

export interface IstioOptions {
  controlPlane: Address;
  controlPlaneTransport?: Transport;
  token: string;
  code: FilterCode;
  /** The Service that routes name, as a fully qualified name, and its port. */
  service: Address;
  /** Istio's name for the route whose requests the filter is for. */
  route: string;
  fallbacks: number;
}

/**
 * On a route, it takes in a filter that is else passed by. An empty configuration would do, but Istio takes
 * none without a type; and as the filter has no configuration for routes, its own is to be optional.
 */
const ENABLED = {
  "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
  config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm" },
  is_optional: true,
};

const CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager";

/** Istio's InferencePools need an endpoint picker, so the pool's cluster is a Service's. */
export function istioPatches(options: IstioOptions): EnvoyMessage[] {
  const { code, service } = options;
  const configuration = { controlPlaneCluster: CONTROL_PLANE_CLUSTER };
  const filter = wasmFilter("pause", { code, configuration });
  return [
    addControlPlane(options),
    // The Gateway's other routes go without it.
    patch("HTTP_FILTER", onRouter(), "INSERT_BEFORE", { ...filter, disabled: true }),
    ...commonPatches(options, { typed_per_filter_config: { [FILTER_NAME]: ENABLED } }),
    patch("CLUSTER", onService(service), "MERGE", { load_balancing_policy: namedDestination() }),
  ];
}

/** Beside a WasmPlugin, which brings the filter and cannot let it hold headers. */
export function istioBufferPatches(options: Omit<IstioOptions, "code">): EnvoyMessage[] {
  const { service } = options;
  const name = `outbound|${service.port}||${service.host}`;
  return [
    addControlPlane(options),
    // WasmPlugins are before the router already, so that this one comes after them.
    patch("HTTP_FILTER", onRouter(), "INSERT_BEFORE", bufferFilter()),
    ...commonPatches(options),
    // Another of its name: Envoy takes no cluster of this type that has what discovery needs.
    patch("CLUSTER", onService(service), "REMOVE"),
    patch("CLUSTER", {}, "ADD", originalDestinationCluster(name)),
  ];
}

/** `routeFields` are what else the filter's own route is given. */
function addControlPlane(options: Omit<IstioOptions, "code">): EnvoyMessage {
  const { controlPlane, token, controlPlaneTransport } = options;
  const cluster = controlPlaneCluster(controlPlane, token, controlPlaneTransport);
  return patch("CLUSTER", {}, "ADD", cluster);
}

function commonPatches(
  { route, fallbacks }: Pick<IstioOptions, "route" | "fallbacks">,
  routeFields: EnvoyMessage = {},
): EnvoyMessage[] {
  return [
    patch("NETWORK_FILTER", onConnectionManager(), "MERGE", connectionManager()),
    patch("LISTENER", {}, "MERGE", { per_connection_buffer_limit_bytes: BODY_BYTES_MAX }),
    patch("VIRTUAL_HOST", {}, "MERGE", virtualHostFields(BODY_BYTES_MAX)),
    patch("HTTP_ROUTE", onRoute(route), "MERGE", {
      route: { timeout: "0s", retry_policy: retryNextEndpoint(fallbacks) },
      ...routeFields,
    }),
  ];
}

function patch(
  applyTo: string,
  match: EnvoyMessage,
  operation: string,
  value?: EnvoyMessage,
): EnvoyMessage {
  const change = value === undefined ? { operation } : { operation, value };
  return { applyTo, match: { context: "GATEWAY", ...match }, patch: change };
}

function onConnectionManager(): EnvoyMessage {
  return { listener: { filterChain: { filter: { name: CONNECTION_MANAGER } } } };
}

function onRouter(): EnvoyMessage {
  const subFilter = { name: "envoy.filters.http.router" };
  return { listener: { filterChain: { filter: { name: CONNECTION_MANAGER, subFilter } } } };
}

/** Redirects and answers of the route itself have no endpoint to retry on. */
function onRoute(name: string): EnvoyMessage {
  return { routeConfiguration: { vhost: { route: { name, action: "ROUTE" } } } };
}

function onService({ host, port }: Address): EnvoyMessage {
  return { cluster: { service: host, portNumber: port } };
}

function connectionManager(): EnvoyMessage {
  const type = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  return {
    name: CONNECTION_MANAGER,
    typed_config: {
      "@type": `type.googleapis.com/${type}`,
      early_header_mutation_extensions: [stripRoutingHeaders()],
      local_reply_config: localReplies(),
    },
  };
}
