// InferenceObjectives of both published groups: llm-d's own, and the older one of the Gateway API
// Inference Extension. Where the newer kind is installed, objects of the older one do not count, as
// upstream has it.
import type { KubernetesObject } from "./api-server.ts";

export interface InferenceObjective {
  /** Also what a request's header names. */
  name: string;
  /** Of its namespace. The group of the reference is passed over: its default is not the pools'. */
  poolName: string;
  priority: number;
}

/** Newest first. */
export const OBJECTIVE_GROUPS = ["llm-d.ai", "inference.networking.x-k8s.io"] as const;

export function objectivesPath(group: string, namespace: string): string {
  return `/apis/${group}/v1alpha2/namespaces/${namespace}/inferenceobjectives`;
}

export function inferenceObjectiveOf({ metadata, spec }: KubernetesObject): InferenceObjective {
  return { name: metadata.name, poolName: spec.poolRef.name, priority: spec.priority ?? 0 };
}
