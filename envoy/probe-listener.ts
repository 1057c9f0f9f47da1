// What kubelet and Prometheus may ask of an Envoy whose admin interface stays on its loopback address.

import { type Address, type EnvoyMessage, extension, socketAddress } from "./message.ts";

const ADMIN_CLUSTER = "admin";
const PATHS = ["/ready", "/stats/prometheus"];

export function probeListener(listen: Address): EnvoyMessage {
  const manager =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  const routes = PATHS.map((path) => ({ match: { path }, route: { cluster: ADMIN_CLUSTER } }));
  return {
    name: "probes",
    address: socketAddress(listen),
    // Counted apart, so that probes go on when clients have used up all connections.
    ignore_global_conn_limit: true,
    filter_chains: [
      {
        filters: [
          extension("envoy.filters.network.http_connection_manager", manager, {
            stat_prefix: "probes",
            route_config: {
              name: "probes",
              virtual_hosts: [{ name: "probes", domains: ["*"], routes }],
            },
            http_filters: [
              extension(
                "envoy.filters.http.router",
                "envoy.extensions.filters.http.router.v3.Router",
                {},
              ),
            ],
          }),
        ],
      },
    ],
  };
}

/** Envoy's own admin interface as a cluster. */
export function adminCluster(admin: Address): EnvoyMessage {
  return {
    name: ADMIN_CLUSTER,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: {
      cluster_name: ADMIN_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(admin) } }] }],
    },
  };
}
