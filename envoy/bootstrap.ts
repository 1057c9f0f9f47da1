// The whole configuration of a standalone Envoy, as the object that it reads as JSON or YAML.

import { CONTROL_PLANE_CLUSTER } from "../protocol/names.ts";
import type { AccessLogOptions } from "./access-log.ts";
import {
  controlPlaneCluster,
  originalDestinationCluster,
  type Token,
  type Transport,
} from "./clusters.ts";
import type { Attachment } from "./filters.ts";
import { gatewayListener } from "./listener.ts";
import { type Address, type EnvoyMessage, extension, socketAddress } from "./message.ts";
import { adminCluster, probeListener } from "./probe-listener.ts";
import { FALLBACK_CLUSTER } from "./routes.ts";

export type { Attachment } from "./filters.ts";
export type { EnvoyMessage } from "./message.ts";

/** What the control plane left on disk for an Envoy that starts while it is down. */
export interface LastKnown {
  /**
   * Clusters with their endpoints written in, type STATIC, with `-last-known` behind the pool's name:
   * Envoy would not let discovery change a cluster that was there at its start.
   */
  clusters: EnvoyMessage[];
  /** The last hints, base64, as the filter takes them in. */
  hints: string;
}

export interface BootstrapOptions {
  attachment: Attachment;
  /** Where clients connect. */
  listen: Address;
  /** Envoy's admin interface, which has no authentication: keep it on a loopback address. */
  admin: Address;
  /** Where kubelet and Prometheus ask, if they do. */
  probes?: Address;
  controlPlane: Address;
  controlPlaneTransport?: Transport;
  /** The bearer token for all calls to the control plane. */
  token: Token;
  /** Path of the filter, read by Envoy when it starts. */
  filterPath: string;
  /** Names this Envoy to the control plane. */
  gateway: string;
  /** As the control plane's `--fallbacks`; the standard number by default. */
  fallbacks?: number;
  /** Without it no line is written. */
  accessLog?: AccessLogOptions;
  lastKnown?: LastKnown;
}

/**
 * The bootstrap of one gateway.
 *
 * With the pause attachment and without the filter, pools come from the control plane by REST xDS. With the buffer attachment the filter names the endpoint's address itself, and Envoy knows
 * no endpoints.
 */
export function bootstrap(options: BootstrapOptions): EnvoyMessage {
  const usesDiscovery = options.attachment !== "buffer";
  const lastKnownClusters = usesDiscovery ? (options.lastKnown?.clusters ?? []) : [];
  return {
    node: { id: options.gateway, cluster: "hintway" },
    admin: { address: socketAddress(options.admin) },
    static_resources: {
      listeners: [
        gatewayListener({
          ...options,
          filter: {
            code: { path: options.filterPath },
            configuration: {
              controlPlaneCluster: CONTROL_PLANE_CLUSTER,
              gateway: options.gateway,
              fallbackCluster: FALLBACK_CLUSTER,
              ...(options.lastKnown ? { hints: options.lastKnown.hints } : {}),
            },
          },
        }),
        ...(options.probes ? [probeListener(options.probes)] : []),
      ],
      clusters: [
        controlPlaneCluster(options.controlPlane, options.token, options.controlPlaneTransport),
        ...(usesDiscovery ? [] : [originalDestinationCluster()]),
        ...lastKnownClusters,
        ...(options.probes ? [adminCluster(options.admin)] : []),
      ],
    },
    overload_manager: { resource_monitors: [connectionLimit()] },
    ...(usesDiscovery ? { dynamic_resources: { cds_config: discoverySource() } } : {}),
  };
}

/** Listening waits for the first answer, and this long at most when the control plane is down. */
const INITIAL_FETCH_TIMEOUT = "1s";

/** REST xDS over the control plane's cluster. */
function discoverySource(): EnvoyMessage {
  return {
    resource_api_version: "V3",
    initial_fetch_timeout: INITIAL_FETCH_TIMEOUT,
    api_config_source: {
      api_type: "REST",
      transport_api_version: "V3",
      cluster_names: [CONTROL_PLANE_CLUSTER],
      refresh_delay: "1s",
      request_timeout: "1s",
    },
  };
}

/** Clients beyond this many connections are refused, so that they cannot use up all descriptors. */
const CONNECTIONS_MAX = 40_000;

function connectionLimit(): EnvoyMessage {
  return extension(
    "envoy.resource_monitors.global_downstream_max_connections",
    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
    { max_active_downstream_connections: CONNECTIONS_MAX },
  );
}
