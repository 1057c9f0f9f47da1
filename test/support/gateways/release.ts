// A release of the chart on an API server, with this machine's addresses in the place of a cluster's:
// the control plane as the chart's Deployment would run it, and simulators as the pool's Pods.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { SIMULATED_MODEL } from "../../../start/parts.ts";
import { freePorts } from "../../../start/ports.ts";
import { projectPath } from "../../../start/project.ts";
import { type Component, type ControlPlane, startPart, temporaryFolder } from "../components.ts";
import type { ApiServer } from "../kubernetes/api-server.ts";
import { Namespace } from "../kubernetes/cluster.ts";
import { type KubernetesObject, NAMESPACE, template } from "./helm.ts";
import type { Objects } from "./objects.ts";
import { filterPath, objectOf, POOL, startPlane } from "./plane.ts";

const POOL_SERVICE = "hw-pool";
const TOKEN = "token-of-the-release";

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

/** `values` hold for each attachment, `servers` is how many ports of the one Pod have a model server. */
export async function startRelease(
  api: ApiServer,
  objects: Objects,
  { values, servers }: { values: string[]; servers: number },
): Promise<Release> {
  const address = machineAddress();
  const running: Component[] = [];
  const stop = async () => {
    for (const component of running.splice(0).reverse()) await component.stop();
  };
  try {
    const ports = await freePorts(servers);
    for (const port of ports) running.push(await startServer(address, port));
    const filter = readFileSync(await filterPath());
    const sha256 = createHash("sha256").update(filter).digest("hex");
    const rendered = (further: string[]): KubernetesObject[] => {
      const answer = template([
        ...[`token.inline=${TOKEN}`, `filter.sha256=${sha256}`, "httpRoute.create=true"],
        ...["inferencePool.create=true", `inferencePool.name=${POOL}`],
        "inferencePool.selector.engine=simulated",
        ...[`inferencePool.targetPorts={${ports}}`, "config.settings.explain=true"],
        ...[...values, ...further],
      ]);
      if (typeof answer === "string") throw new Error(answer);
      return answer;
    };
    const namespace = new Namespace(api, NAMESPACE, temporaryFolder());
    const controlPlane = await startPlane(namespace, rendered([]), address);
    running.push(controlPlane);
    const attach = async (further: string[] = []) => {
      const placed = inPlace(rendered(further), controlPlane);
      const service = objectOf(placed, "Service", POOL_SERVICE);
      const chosen = placed.filter(({ kind }) => READ.includes(kind));
      for (const object of [service, endpointSlice(service, address), ...chosen]) {
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

/** What a cluster makes of the Service and its one Pod: no controller does so here. */
function endpointSlice(service: KubernetesObject, address: string): KubernetesObject {
  const { name } = service.metadata;
  const ports = service.spec.ports.map(({ name, targetPort, protocol }: KubernetesObject) => {
    return { name, port: targetPort, protocol };
  });
  return {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
    metadata: { name, labels: { "kubernetes.io/service-name": name } },
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports,
  };
}
