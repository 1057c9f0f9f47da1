// A Pod as a model server, and the endpoints that it is in a pool.
import type { DiscoveredEndpoint } from "../discovered.ts";
import type { KubernetesObject } from "./api-server.ts";
import type { InferencePool } from "./inference-pool.ts";

export interface ModelServer {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  address: string;
  /** Of the pool's target ports, those that are served; null for all. */
  activePorts: ReadonlySet<number> | null;
}

/** The first that a Pod has counts; the second is its older name. */
const ACTIVE_PORTS_ANNOTATIONS = [
  "llm-d.ai/active-ports",
  "inference.networking.k8s.io/active-ports",
];

/**
 * Null where the Pod may be sent nothing: it has no address, is not ready, or terminates. From then
 * on its endpoints drain, well before the Pod is gone.
 */
export function modelServerOf({ metadata, status }: KubernetesObject): ModelServer | null {
  const { name, namespace = "", labels = {}, annotations = {} } = metadata;
  const conditions: { type: string; status: string }[] = status?.conditions ?? [];
  const isReady = conditions.some(({ type, status }) => type === "Ready" && status === "True");
  if (!isReady || metadata.deletionTimestamp !== undefined || !status.podIP) return null;
  return { name, namespace, labels, address: status.podIP, activePorts: activePorts(annotations) };
}

/** As upstream reads the annotation: what is no number, or no target port, is passed over. */
function activePorts(annotations: Record<string, string>): Set<number> | null {
  const annotation = ACTIVE_PORTS_ANNOTATIONS.find((name) => name in annotations);
  if (annotation === undefined) return null;
  return new Set((annotations[annotation] ?? "").split(",").map((part) => parseInt(part, 10)));
}

/** One endpoint for each target port that the server has active, named as upstream names them. */
export function endpointsOf(
  { selector, targetPorts }: InferencePool,
  servers: Iterable<ModelServer>,
): DiscoveredEndpoint[] {
  const wanted = Object.entries(selector);
  const endpoints: DiscoveredEndpoint[] = [];
  for (const { name, namespace, labels, address, activePorts } of servers) {
    if (!wanted.every(([label, value]) => labels[label] === value)) continue;
    for (const [rank, port] of targetPorts.entries()) {
      if (activePorts !== null && !activePorts.has(port)) continue;
      endpoints.push({ name: `${name}-rank-${rank}`, namespace, address, port, labels });
    }
  }
  return endpoints;
}
