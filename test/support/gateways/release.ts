// A release of the chart on an API server, with this machine's addresses in the place of a cluster's:
// the control plane as the chart's Deployment would run it, and simulators as the pool's Pods.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { buildFilter } from "../../../start/build-filter.ts";
import { SIMULATED_MODEL } from "../../../start/parts.ts";
import { freePorts } from "../../../start/ports.ts";
import { projectPath } from "../../../start/project.ts";
import {
  type Component,
  type ControlPlane,
  startControlPlane,
  startPart,
  temporaryFolder,
} from "../components.ts";
import type { ApiServer } from "../kubernetes/api-server.ts";
import { Namespace } from "../kubernetes/cluster.ts";
import { type KubernetesObject, NAMESPACE, template } from "./helm.ts";
import type { Objects } from "./objects.ts";

export const POOL = "llama";
const POOL_SERVICE = "hw-pool";
const TOKEN = "token-of-the-release";
/** Of the Pod's own folders and ports; the test has others. */
const PLACES = /^--(host|port|token-file|state-dir|filter)=/;

export interface Release {
  /** `ip:port` of the pool's endpoints. */
  endpoints: string[];
  /** Applies what the chart makes for a gateway, with further values; answers its objects. */
  attach(values?: string[]): Promise<KubernetesObject[]>;
  stop(): Promise<void>;
}

/** Objects that a gateway's control plane reads. */
const READ = [
  ...["HTTPRoute", "EnvoyFilter", "WasmPlugin", "EnvoyExtensionPolicy", "EnvoyPatchPolicy"],
  ...["BackendTrafficPolicy", "ClientTrafficPolicy"],
];

/** `values` hold for each attachment. */
export async function startRelease(
  api: ApiServer,
  objects: Objects,
  values: string[],
): Promise<Release> {
  const address = machineAddress();
  const running: Component[] = [];
  const stop = async () => {
    for (const component of running.splice(0).reverse()) await component.stop();
  };
  try {
    const ports = await freePorts(2);
    for (const port of ports) running.push(await startServer(address, port));
    const filter = await buildFilter(LAUNCH);
    const sha256 = createHash("sha256").update(readFileSync(filter)).digest("hex");
    const rendered = (further: string[]): KubernetesObject[] => {
      const answer = template([
        ...[`token.inline=${TOKEN}`, `filter.sha256=${sha256}`, "httpRoute.create=true"],
        ...["inferencePool.create=true", `inferencePool.name=${POOL}`],
        ...[`inferencePool.targetPorts={${ports}}`, "config.settings.explain=true"],
        ...[...values, ...further],
      ]);
      if (typeof answer === "string") throw new Error(answer);
      return answer;
    };
    const controlPlane = await startPlane(api, rendered([]), address, filter);
    running.push(controlPlane);
    for (const port of ports) await objects.apply(endpointSlice(address, port), NAMESPACE);
    const attach = async (further: string[] = []) => {
      const placed = inPlace(rendered(further), controlPlane);
      const chosen = placed.filter(({ kind }) => READ.includes(kind));
      for (const object of [objectOf(placed, "Service", POOL_SERVICE), ...chosen]) {
        await objects.apply(object, NAMESPACE);
      }
      return placed;
    };
    return { endpoints: ports.map((port) => `${address}:${port}`), attach, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With the control plane's own token and address. */
function inPlace(objects: KubernetesObject[], controlPlane: ControlPlane): KubernetesObject[] {
  const text = JSON.stringify(objects)
    .replaceAll(TOKEN, controlPlane.token)
    .replaceAll("hw-control-plane.inference.svc:8081", controlPlane.address)
    .replaceAll("hw-control-plane.inference.svc", "127.0.0.1")
    .replaceAll('"port_value":8081', `"port_value":${controlPlane.port}`);
  return JSON.parse(text);
}

const LAUNCH = { say: () => {}, signal: new AbortController().signal };

function objectOf(objects: KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`the chart makes no ${kind} ${name}`);
  return found;
}

/** The API server takes no loopback address for an endpoint, so that it is this machine's own. */
export function machineAddress(): string {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = own.find(({ family, internal }) => family === "IPv4" && !internal);
  if (!found)
    throw new Error("this machine has no IPv4 address but loopback, which endpoints need");
  return found.address;
}

function startServer(host: string, port: number): Promise<Component> {
  const flags = ["--host", host, "--port", String(port), "--model", SIMULATED_MODEL];
  return startPart(
    {
      ...{ name: `Simulated model server ${host}:${port}`, command: process.execPath },
      args: [projectPath("simulator", "main.ts"), ...flags, "--speed", "50"],
      healthUrl: `http://${host}:${port}/health`,
    },
    port,
  );
}

/** With the chart's own Role, ConfigMap and flags, and a Pod of the pool. */
async function startPlane(
  api: ApiServer,
  objects: KubernetesObject[],
  address: string,
  filter: string,
): Promise<ControlPlane> {
  const namespace = new Namespace(api, NAMESPACE, temporaryFolder());
  const pool = objectOf(objects, "InferencePool", POOL);
  await api.send("POST", namespace.poolPath(), pool);
  await namespace.createPod("server", address, { labels: pool.spec.selector.matchLabels });
  await namespace.setConfigMap("hw-config", objectOf(objects, "ConfigMap", "hw-config").data);
  const { rules } = objectOf(objects, "Role", "hw-control-plane");
  const { kubeconfig } = await namespace.serviceAccount(rules);
  const deployment = objectOf(objects, "Deployment", "hw-control-plane");
  const words: string[] = deployment.spec.template.spec.containers[0].args.slice(1);
  const flags = words.filter((word) => !PLACES.test(word));
  const own = ["--kubeconfig", kubeconfig, `--filter=${filter}`];
  return startControlPlane({ explain: false, flags: [...flags, ...own] });
}

/** One for each port: no controller makes them here. */
function endpointSlice(address: string, port: number): KubernetesObject {
  const labels = { "kubernetes.io/service-name": POOL_SERVICE };
  return {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
    metadata: { name: `${POOL_SERVICE}-${port}`, labels },
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "http", port, protocol: "TCP" }],
  };
}
