// The clusters Envoy knows from its start. Pools come from the control plane.

import { CONTROL_PLANE_CLUSTER, DESTINATION_HEADER, REPLICA_HEADER } from "../protocol/names.ts";
import { type Address, type EnvoyMessage, extension, socketAddress } from "./message.ts";
import { FALLBACK_CLUSTER } from "./routes.ts";
import { tokenInjection } from "./secrets.ts";

/** Requests are many and long: Envoy's own limits (1,024 requests, 3 retries) would shed them. */
const CIRCUIT_BREAKERS = {
  thresholds: [
    {
      max_connections: 40_000,
      max_pending_requests: 40_000,
      max_requests: 40_000,
      max_retries: 40_000,
    },
  ],
};

/**
 * uvicorn, which serves vLLM and SGLang, closes a connection that is idle for 5 s. Envoy lets go
 * of it first, or a request would now and then be written into a closing connection.
 */
const ENDPOINT_IDLE_TIMEOUT = "4s";

/** A transport socket, where it serves HTTPS; or the chart's word for one. */
export type Transport = EnvoyMessage | string;

/** What is shown to the control plane: text, which may be an Envoy `%FORMAT%`, or a secret. */
export type Token = string | { secretPath: string };

/**
 * The control plane: discovery, hints and reports. Of several replicas the filter names the one that
 * knows how far it was told; discovery goes to each in turn. The token is added here, below the
 * router, so that Envoy's own discovery calls carry it as well as the filter's.
 */
export function controlPlaneCluster(
  address: Address,
  token: Token,
  transport?: Transport,
): EnvoyMessage {
  return {
    name: CONTROL_PLANE_CLUSTER,
    type: "STRICT_DNS",
    connect_timeout: "1s",
    dns_lookup_family: "V4_PREFERRED",
    load_balancing_policy: namedBy(REPLICA_HEADER),
    ...(transport === undefined ? {} : { transport_socket: transport }),
    load_assignment: {
      cluster_name: CONTROL_PLANE_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address) } }] }],
    },
    typed_extension_protocol_options: httpProtocolOptions({
      http_filters: [
        typeof token === "string" ? writtenToken(token) : tokenInjection(token.secretPath),
        extension("envoy.filters.http.upstream_codec", UPSTREAM_CODEC, {}),
      ],
    }),
  };
}

function writtenToken(token: string): EnvoyMessage {
  const header = { key: "authorization", value: `Bearer ${token}` };
  const append = { header, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" };
  return extension("envoy.filters.http.header_mutation", HEADER_MUTATION, {
    mutations: { request_mutations: [{ append }] },
  });
}

/** The buffer attachment's pools: each request goes to the address that the filter has set. */
export function originalDestinationCluster(name = FALLBACK_CLUSTER): EnvoyMessage {
  return {
    name,
    type: "ORIGINAL_DST",
    lb_policy: "CLUSTER_PROVIDED",
    connect_timeout: "1s",
    circuit_breakers: CIRCUIT_BREAKERS,
    typed_extension_protocol_options: httpProtocolOptions({
      common_http_protocol_options: { idle_timeout: ENDPOINT_IDLE_TIMEOUT },
    }),
  };
}

/** The filter names endpoints in a header; where it names none, or none that exists, in turn. */
export function namedDestination(): EnvoyMessage {
  return namedBy(DESTINATION_HEADER);
}

function namedBy(header: string): EnvoyMessage {
  return policy("override_host.v3.OverrideHost", "override_host", {
    override_host_sources: [{ header }],
    fallback_policy: policy("round_robin.v3.RoundRobin", "round_robin", {}),
  });
}

function policy(type: string, name: string, fields: EnvoyMessage): EnvoyMessage {
  const fullName = `envoy.extensions.load_balancing_policies.${type}`;
  return {
    policies: [
      {
        typed_extension_config: extension(
          `envoy.load_balancing_policies.${name}`,
          fullName,
          fields,
        ),
      },
    ],
  };
}

const HEADER_MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
const UPSTREAM_CODEC = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";
const HTTP_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

function httpProtocolOptions(fields: EnvoyMessage): EnvoyMessage {
  return {
    [HTTP_PROTOCOL_OPTIONS]: {
      "@type": `type.googleapis.com/${HTTP_PROTOCOL_OPTIONS}`,
      explicit_http_config: { http_protocol_options: {} },
      ...fields,
    },
  };
}
