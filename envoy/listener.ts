// The listener that clients connect to.

import { CLUSTER_HEADER, DESTINATION_HEADER } from "../protocol/names.ts";
import { type AccessLogOptions, accessLog } from "./access-log.ts";
import { type Attachment, BODY_BYTES_MAX, type FilterOptions, httpFilters } from "./filters.ts";
import { localReplies } from "./local-replies.ts";
import { type Address, type EnvoyMessage, extension, socketAddress } from "./message.ts";
import { routeConfiguration } from "./routes.ts";

export interface ListenerOptions {
  attachment: Attachment;
  listen: Address;
  filter: FilterOptions;
  fallbacks?: number;
  accessLog?: AccessLogOptions;
}

export function gatewayListener(options: ListenerOptions): EnvoyMessage {
  return {
    name: "hintway",
    address: socketAddress(options.listen),
    filter_chains: [{ filters: [connectionManager(options)] }],
  };
}

/** A stream may be silent this long: prefill of a long prompt behind a queue takes minutes. */
const STREAM_IDLE_TIMEOUT = "3600s";

function connectionManager(options: ListenerOptions): EnvoyMessage {
  return extension("envoy.filters.network.http_connection_manager", CONNECTION_MANAGER, {
    stat_prefix: "hintway",
    use_remote_address: true,
    stream_idle_timeout: STREAM_IDLE_TIMEOUT,
    early_header_mutation_extensions: [stripRoutingHeaders()],
    local_reply_config: localReplies(),
    route_config: routeConfiguration({ ...options, bodyBytesMax: BODY_BYTES_MAX }),
    ...(options.accessLog ? { access_log: [accessLog(options.accessLog)] } : {}),
    http_filters: httpFilters(options.attachment, options.filter),
  });
}

const CONNECTION_MANAGER =
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/** The filter strips these too; here it also holds while the filter is reloaded or left out. */
export function stripRoutingHeaders(): EnvoyMessage {
  return extension(
    "envoy.http.early_header_mutation.header_mutation",
    "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
    { mutations: [{ remove: DESTINATION_HEADER }, { remove: CLUSTER_HEADER }] },
  );
}
