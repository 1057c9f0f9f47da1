// The same Envoy configuration with the external picker in the filter's place.

import type { EnvoyMessage } from "../../envoy/bootstrap.ts";
import { extension, socketAddress } from "../../envoy/message.ts";

const CLUSTER = "ext-proc";

/**
 * `bootstrap` of a gateway without the filter, with ext_proc in front of its router. It names the
 * endpoint in the header that the pool's own cluster reads, so the clusters are the same. The
 * filter's and the connection's settings are those of the reference's standalone chart.
 */
export function withPicker(bootstrap: EnvoyMessage, port: number): EnvoyMessage {
  const altered = structuredClone(bootstrap) as unknown as Bootstrap;
  const [listener] = altered.static_resources.listeners;
  listener.filter_chains[0].filters[0].typed_config.http_filters.unshift(externalProcessor());
  altered.static_resources.clusters.push(cluster(port));
  return altered as unknown as EnvoyMessage;
}

interface Bootstrap {
  static_resources: {
    listeners: [
      {
        filter_chains: [{ filters: [{ typed_config: { http_filters: EnvoyMessage[] } }] }];
      },
    ];
    clusters: EnvoyMessage[];
  };
}

function externalProcessor(): EnvoyMessage {
  return extension(
    "envoy.filters.http.ext_proc",
    "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
    {
      grpc_service: {
        envoy_grpc: { cluster_name: CLUSTER, authority: "localhost:9002" },
        timeout: "10s",
      },
      processing_mode: {
        request_header_mode: "SEND",
        response_header_mode: "SEND",
        request_body_mode: "FULL_DUPLEX_STREAMED",
        response_body_mode: "FULL_DUPLEX_STREAMED",
        request_trailer_mode: "SEND",
        response_trailer_mode: "SEND",
      },
      message_timeout: "1000s",
    },
  );
}

/** Streams of one connection to the picker; more wait for another connection. */
const WINDOWS = { initial_stream_window_size: 65_536, initial_connection_window_size: 1_048_576 };

function cluster(port: number): EnvoyMessage {
  return {
    ...{ name: CLUSTER, type: "STATIC", connect_timeout: "5s", lb_policy: "LEAST_REQUEST" },
    circuit_breakers: {
      thresholds: [{ max_connections: 40_000, max_pending_requests: 40_000, max_requests: 40_000 }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: WINDOWS },
      },
    },
    // The picker's certificate is its own, made at its start.
    transport_socket: extension(
      "envoy.transport_sockets.tls",
      "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      { common_tls_context: { validation_context: {} } },
    ),
    load_assignment: {
      cluster_name: CLUSTER,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: socketAddress({ host: "127.0.0.1", port }) } }] },
      ],
    },
  };
}
