// Pools as Envoy's clusters and endpoints, in the JSON form of its API:
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/api
import {
  CLUSTER_HEADER,
  CONTROL_PLANE_CLUSTER,
  DESTINATION_HEADER,
  LAST_KNOWN_SUFFIX,
} from "../../protocol/names.ts";
import { STATE_DRAINING, STATE_UP } from "../../protocol/records.ts";
import type { Endpoint } from "../pool/endpoint.ts";
import type { EndpointTls } from "../pool/endpoint-tls.ts";
import type { Pool } from "../pool/pool.ts";

/** How the filter holds requests: `pause` names endpoints in a header, `buffer` in filter state. */
export type Attachment = "pause" | "buffer";

export type EnvoyMessage = { [field: string]: unknown };

const HTTP_FILTERS = "type.googleapis.com/envoy.extensions.filters.http";

/** Requests are many and long: Envoy's own limits (1,024 requests, 3 retries) would shed them. */
const REQUESTS_MAX = 40_000;

/**
 * uvicorn, which serves vLLM and SGLang, closes a connection that is idle for 5 s. Envoy lets go
 * of it first, or a request would now and then be written into a closing connection.
 */
const IDLE_TIMEOUT = "4s";

export const CLUSTER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
export const SECRET_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
export const ENDPOINTS_TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

export function poolCluster(pool: Pool, attachment: Attachment): EnvoyMessage {
  return attachment === "pause" ? discoveredCluster(pool) : originalDestinationCluster(pool);
}

/** The pool as it is at this moment, written out for an Envoy that starts without this process. */
export function lastKnownCluster(pool: Pool): EnvoyMessage {
  const name = `${pool.name}${LAST_KNOWN_SUFFIX}`;
  return {
    name,
    type: "STATIC",
    ...commonFields(pool, "written"),
    load_balancing_policy: namedDestination(),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [...pool.endpoints()].filter(isListed).map(locality) }],
    },
  };
}

export function poolEndpoints(pool: Pool): EnvoyMessage {
  // In an order that all replicas have, so that they are one version.
  const sorted = [...pool.endpoints()].sort((a, b) => (a.address < b.address ? -1 : 1));
  const endpoints = sorted.map((endpoint) => ({
    ...locality(endpoint),
    health_status: healthOf(endpoint),
  }));
  return { cluster_name: pool.name, endpoints: [{ lb_endpoints: endpoints }] };
}

function discoveredCluster(pool: Pool): EnvoyMessage {
  return {
    name: pool.name,
    type: "EDS",
    ...commonFields(pool),
    eds_cluster_config: { eds_config: discovered() },
    load_balancing_policy: namedDestination(),
  };
}

function discovered(): EnvoyMessage {
  return {
    resource_api_version: "V3",
    initial_fetch_timeout: "1s",
    api_config_source: {
      api_type: "REST",
      transport_api_version: "V3",
      cluster_names: [CONTROL_PLANE_CLUSTER],
      refresh_delay: "1s",
      request_timeout: "1s",
    },
  };
}

function originalDestinationCluster(pool: Pool): EnvoyMessage {
  return {
    name: pool.name,
    type: "ORIGINAL_DST",
    lb_policy: "CLUSTER_PROVIDED",
    ...commonFields(pool),
  };
}

function commonFields(pool: Pool, validation: Validation = "discovered"): EnvoyMessage {
  const { tls } = pool;
  const limits = ["max_connections", "max_pending_requests", "max_requests", "max_retries"];
  const protocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    connect_timeout: "1s",
    ...(tls === null ? {} : { transport_socket: transportSocket(pool, tls, validation) }),
    circuit_breakers: {
      thresholds: [Object.fromEntries(limits.map((limit) => [limit, REQUESTS_MAX]))],
    },
    typed_extension_protocol_options: {
      [protocolOptions]: {
        "@type": `type.googleapis.com/${protocolOptions}`,
        explicit_http_config: { http_protocol_options: {} },
        common_http_protocol_options: { idle_timeout: IDLE_TIMEOUT },
        http_filters: [stripRoutingHeaders(), UPSTREAM_CODEC],
      },
    },
  };
}

/**
 * Envoy has what to trust by discovery of its own: a cluster that changes is another one to it, and calls of
 * the filter that are under way at that moment end. Null where nothing is verified.
 */
export function poolSecret({ name, tls }: Pool): EnvoyMessage | null {
  return tls && tls.caCertificates !== null
    ? { name, validation_context: validationOf(tls) }
    : null;
}

function validationOf({ name, caCertificates }: EndpointTls): EnvoyMessage {
  return {
    trusted_ca: { inline_string: caCertificates },
    match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: name } }],
  };
}

/** As discovered, or written out. */
type Validation = "discovered" | "written";

function transportSocket(pool: Pool, tls: EndpointTls, validation: Validation): EnvoyMessage {
  const { name, caCertificates } = tls;
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      ...(name === null ? {} : { sni: name }),
      common_tls_context: {
        alpn_protocols: ["http/1.1"],
        ...(caCertificates === null ? {} : validationFields(pool, tls, validation)),
      },
    },
  };
}

function validationFields(pool: Pool, tls: EndpointTls, validation: Validation): EnvoyMessage {
  if (validation === "written") return { validation_context: validationOf(tls) };
  const secret = { name: pool.name, sds_config: discovered() };
  return { validation_context_sds_secret_config: secret };
}

/** What the filter tells Envoy is not for model servers, which may stand in another's network. */
function stripRoutingHeaders(): EnvoyMessage {
  return {
    name: "envoy.filters.http.header_mutation",
    typed_config: {
      "@type": `${HTTP_FILTERS}.header_mutation.v3.HeaderMutation`,
      mutations: {
        request_mutations: [{ remove: DESTINATION_HEADER }, { remove: CLUSTER_HEADER }],
      },
    },
  };
}

/** Has to end the filters of a cluster: it writes the request. */
const UPSTREAM_CODEC = {
  name: "envoy.filters.http.upstream_codec",
  typed_config: { "@type": `${HTTP_FILTERS}.upstream_codec.v3.UpstreamCodec` },
};

/** The filter names endpoints in a header; where it names none, or none that exists, in turn. */
function namedDestination(): EnvoyMessage {
  return policy("override_host.v3.OverrideHost", "override_host", {
    override_host_sources: [{ header: DESTINATION_HEADER }],
    fallback_policy: policy("round_robin.v3.RoundRobin", "round_robin", {}),
  });
}

function policy(type: string, name: string, fields: EnvoyMessage): EnvoyMessage {
  return {
    policies: [
      {
        typed_extension_config: {
          name: `envoy.load_balancing_policies.${name}`,
          typed_config: {
            "@type": `type.googleapis.com/envoy.extensions.load_balancing_policies.${type}`,
            ...fields,
          },
        },
      },
    ],
  };
}

function locality(endpoint: Endpoint): EnvoyMessage {
  const { address, port } = endpoint.discovered;
  return { endpoint: { address: { socket_address: { address, port_value: port } } } };
}

function isListed(endpoint: Endpoint): boolean {
  return endpoint.state !== STATE_DRAINING;
}

function healthOf(endpoint: Endpoint): string {
  if (endpoint.state === STATE_UP) return "HEALTHY";
  return endpoint.state === STATE_DRAINING ? "DRAINING" : "UNHEALTHY";
}
