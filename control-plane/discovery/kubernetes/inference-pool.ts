// InferencePools of both published groups, as one shape. Fields are those of the CRDs of the Gateway
// API Inference Extension: v1 since its 1.0; v1alpha2 of the `x-k8s` group from 0.5 to 1.4.
import type { KubernetesObject } from "./api-server.ts";

export interface InferencePool {
  kind: PoolKind;
  namespace: string;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  generation: number;
  /** Changes with every change, also of the status. */
  resourceVersion: string;
  /** Pods of its namespace with all these labels are its model servers. */
  selector: Record<string, string>;
  /** Each is an endpoint of its own on every Pod. */
  targetPorts: number[];
  parents: ParentStatus[];
}

/** What one controller says of the pool on one Gateway. */
export interface ParentStatus {
  parentRef: { group?: string; kind?: string; name: string; namespace?: string };
  controllerName?: string;
  conditions?: Condition[];
}

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  /** ISO 8601. */
  lastTransitionTime: string;
  observedGeneration?: number;
}

export interface PoolKind {
  group: string;
  version: string;
  read(object: KubernetesObject): Pick<InferencePool, "selector" | "targetPorts" | "parents">;
  /** Whether entries of its status say whose they are. */
  hasControllerName: boolean;
  /** The status that consists of these parents. */
  status(parents: ParentStatus[]): object;
}

/** Of two pools of one name, the one of the first group counts. */
export const POOL_KINDS: readonly PoolKind[] = [
  {
    group: "inference.networking.k8s.io",
    version: "v1",
    read: ({ spec, status }) => ({
      selector: spec.selector.matchLabels ?? {},
      targetPorts: spec.targetPorts.map(({ number }: { number: number }) => number),
      parents: status?.parents ?? [],
    }),
    hasControllerName: true,
    status: (parents) => ({ parents }),
  },
  {
    group: "inference.networking.x-k8s.io",
    version: "v1alpha2",
    read: ({ spec, status }) => ({
      selector: spec.selector ?? {},
      targetPorts: [spec.targetPortNumber],
      parents: status?.parent ?? [],
    }),
    hasControllerName: false,
    status: (parent) => ({ parent }),
  },
];

const POOL_RESOURCE = "inferencepools";

export function poolsPath({ group, version }: PoolKind, namespace: string): string {
  return `/apis/${group}/${version}/namespaces/${namespace}/${POOL_RESOURCE}`;
}

export function inferencePoolOf(kind: PoolKind, object: KubernetesObject): InferencePool {
  const { name, namespace = "", creationTimestamp = "" } = object.metadata;
  const { generation = 0, resourceVersion = "" } = object.metadata;
  return {
    ...{ kind, name, namespace, createdAt: creationTimestamp, generation, resourceVersion },
    ...kind.read(object),
  };
}
