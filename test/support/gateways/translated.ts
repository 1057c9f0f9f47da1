// What a gateway's control plane has made of the chart's objects, as its Envoy has it.

import { SIMULATED_MODEL } from "../../../start/parts.ts";
import type { Answer } from "../kubernetes/api-server.ts";
import type { KubernetesObject } from "./helm.ts";

const MANAGER = "envoy.filters.network.http_connection_manager";

export interface Translated {
  /** Names of the HTTP filters on the port, in order. */
  filters: string[];
  connectionManager: Answer;
  listener: Answer;
  /** Where requests are routed to. */
  cluster: Answer;
  virtualHost: Answer;
  route: Answer;
}

export async function translated(adminUrl: string, port: number): Promise<Translated> {
  const dump = await (await fetch(`${adminUrl}/config_dump`)).json();
  const of = (kind: string) =>
    dump.configs.find((config: Answer) => config["@type"].endsWith(`.${kind}`));
  const listener = of("ListenersConfigDump")
    .dynamic_listeners.map((entry: Answer) => entry.active_state?.listener)
    .find((found: Answer) => found?.address?.socket_address?.port_value === port);
  if (!listener) throw new Error(`Envoy has no listener on port ${port}`);
  const chains = [...(listener.filter_chains ?? []), listener.default_filter_chain];
  const manager = chains
    .flatMap((chain: Answer) => chain?.filters ?? [])
    .find(({ name }: Answer) => name === MANAGER).typed_config;
  const configuration = of("RoutesConfigDump")
    .dynamic_route_configs.map(({ route_config }: Answer) => route_config)
    .find(({ name }: Answer) => name === manager.rds.route_config_name);
  const isOfRelease = ({ match, route }: Answer) => match.prefix === "/" && route?.cluster;
  const virtualHost = configuration.virtual_hosts.find(({ routes }: Answer) =>
    routes?.some(isOfRelease),
  );
  const route = virtualHost.routes.find(isOfRelease);
  const cluster = of("ClustersConfigDump")
    .dynamic_active_clusters.map((entry: Answer) => entry.cluster)
    .find(({ name }: Answer) => name === route.route.cluster);
  return {
    filters: manager.http_filters.map(({ name }: Answer) => name),
    ...{ connectionManager: manager, listener, cluster, virtualHost, route },
  };
}

/** As what a request comes in. */
interface Asked {
  host?: string;
  path?: string;
}

/** What a request is answered with, once it is answered well and the filter explains it. */
export async function explained(port: number, asked: Asked = {}): Promise<Response | null> {
  const response = await answer(port, asked);
  return response.status === 200 && response.headers.has(EXPLANATION) ? response : null;
}

/** As above, once it passes the filter by. */
export async function unexplained(port: number, asked: Asked = {}): Promise<Response | null> {
  const response = await answer(port, asked);
  return response.status === 200 && !response.headers.has(EXPLANATION) ? response : null;
}

const EXPLANATION = "x-hintway-explain";
const CHAT_PATH = "/v1/chat/completions";

function answer(port: number, { host = "127.0.0.1", path = CHAT_PATH }: Asked): Promise<Response> {
  const messages = [{ role: "user", content: "hi" }];
  const prompt = path === CHAT_PATH ? { messages } : { prompt: "hi" };
  return fetch(`http://${host}:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", [EXPLANATION]: "1" },
    body: JSON.stringify({ model: SIMULATED_MODEL, ...prompt }),
  });
}

/** An HTTPRoute beside the chart's, from the same Gateway to the same Service. */
export function routeBeside(name: string, path: string): KubernetesObject {
  const matches = [{ path: { type: "PathPrefix", value: path } }];
  const backendRefs = [{ name: "hw-pool", port: 80 }];
  return {
    ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata: { name } },
    spec: { parentRefs: [{ name: "inference-gateway" }], rules: [{ matches, backendRefs }] },
  };
}
