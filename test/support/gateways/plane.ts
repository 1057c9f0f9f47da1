// The control plane of a release of the chart, as a process of this machine: with the chart's own Role,
// ConfigMap and flags, and a Pod of its InferencePool.

import { buildFilter } from "../../../start/build-filter.ts";
import type { IssuedCertificate } from "../certificates.ts";
import { type ControlPlane, startControlPlane } from "../components.ts";
import type { Namespace } from "../kubernetes/cluster.ts";
import { type KubernetesObject, NAMESPACE } from "./helm.ts";

/** The InferencePool of releases in tests. */
export const POOL = "llama";
/** Of the Pod's own folders and ports; the test has others. */
const PLACES = /^--(host|port|token-file|state-dir|filter|tls-cert|tls-key)=/;

const LAUNCH = { say: () => {}, signal: new AbortController().signal };

export function objectOf(
  objects: KubernetesObject[],
  kind: string,
  name: string,
): KubernetesObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`the chart makes no ${kind} ${name}`);
  return found;
}

/** The chart's objects of release `hw`, on that namespace's API server; the Pod has that address. */
export async function startPlane(
  namespace: Namespace,
  objects: KubernetesObject[],
  address: string,
  certificate?: IssuedCertificate,
): Promise<ControlPlane> {
  const pool = objectOf(objects, "InferencePool", POOL);
  await namespace.api.send("POST", namespace.poolPath(), pool);
  await namespace.createPod("server", address, { labels: pool.spec.selector.matchLabels });
  await namespace.setConfigMap("hw-config", objectOf(objects, "ConfigMap", "hw-config").data);
  const { rules } = objectOf(objects, "Role", "hw-control-plane");
  const { kubeconfig } = await namespace.serviceAccount(rules);
  const { template } = objectOf(objects, "Deployment", "hw-control-plane").spec;
  const words: string[] = template.spec.containers[0].args.slice(1);
  const flags = words
    .filter((word) => !PLACES.test(word))
    .map((word) => (word === `--namespace=${NAMESPACE}` ? `--namespace=${namespace.name}` : word));
  const own = ["--kubeconfig", kubeconfig, `--filter=${await filterPath()}`];
  const servesHttps = words.some((word) => word.startsWith("--tls-cert="));
  if (!servesHttps) return startControlPlane({ explain: false, flags: [...flags, ...own] });
  if (!certificate) throw new Error("the chart has the control plane serve HTTPS");
  const files = ["--tls-cert", certificate.certPath, "--tls-key", certificate.keyPath];
  const isSecure = true;
  return startControlPlane({ explain: false, isSecure, flags: [...flags, ...own, ...files] });
}

/** Of the filter that ships. */
export function filterPath(): Promise<string> {
  return buildFilter(LAUNCH);
}
