// What the reference picker wants to find in Kubernetes: its kinds, a pool, and Pods that are ready.

import type { ApiServer } from "../../test/support/kubernetes/api-server.ts";

export const POOL_NAME = "pool";
export const POOL_GROUP = "inference.networking.k8s.io";
const EXTENSION_GROUP = "inference.networking.x-k8s.io";

/** Every kind that the picker watches, with any fields: their own rules are not what is measured. */
const KINDS = [
  { group: POOL_GROUP, version: "v1", kind: "InferencePool" },
  { group: EXTENSION_GROUP, version: "v1alpha2", kind: "InferenceObjective" },
  { group: EXTENSION_GROUP, version: "v1alpha2", kind: "InferenceModelRewrite" },
];

/** `hosts` are the Pods' addresses; all listen on `port`. */
export async function createPool(api: ApiServer, hosts: string[], port: number): Promise<void> {
  for (const kind of KINDS) {
    await api.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", kindOf(kind));
  }
  await retried(() =>
    api.send("POST", `/apis/${POOL_GROUP}/v1/namespaces/default/inferencepools`, {
      ...{ apiVersion: `${POOL_GROUP}/v1`, kind: "InferencePool" },
      metadata: { name: POOL_NAME, namespace: "default" },
      spec: {
        targetPorts: [{ number: port }],
        selector: { matchLabels: { app: "model-server" } },
        endpointPickerRef: { name: "picker", port: { number: 9002 } },
      },
    }),
  );
  for (const [number, host] of hosts.entries())
    await createPod(api, `server-${number}`, host, port);
}

function kindOf({ group, version, kind }: (typeof KINDS)[number]): object {
  const plural = `${kind.toLowerCase()}s`;
  const schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      annotations: { "api-approved.kubernetes.io": "unapproved, for a measurement" },
    },
    spec: {
      ...{ group, scope: "Namespaced" },
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        { name: version, served: true, storage: true, schema: { openAPIV3Schema: schema } },
      ],
    },
  };
}

async function createPod(api: ApiServer, name: string, host: string, port: number): Promise<void> {
  const pods = "/api/v1/namespaces/default/pods";
  await retried(() =>
    api.send("POST", pods, {
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { name, namespace: "default", labels: { app: "model-server" } },
      spec: {
        containers: [{ name: "server", image: "none", ports: [{ containerPort: port }] }],
      },
    }),
  );
  await api.send("PATCH", `${pods}/${name}/status`, {
    status: {
      ...{ phase: "Running", podIP: host, podIPs: [{ ip: host }] },
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
}

const TRIES = 100;
const PAUSE_MS = 100;

/** A new kind, and the namespace of a new server, take a moment to be served. */
async function retried(send: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
