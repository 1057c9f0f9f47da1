// Envoy Gateway as it runs in a cluster, and the Envoy that it would deploy, as processes of this
// machine. Its certificates are those its own job makes.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { findEnvoy } from "../../../start/find-envoy.ts";
import { projectPath } from "../../../start/project.ts";
import { type Component, freePort, startPart, temporaryFolder } from "../components.ts";
import type { ApiServer } from "../kubernetes/api-server.ts";
import { until } from "../until.ts";
import { ENVOY_GATEWAY } from "./assets.ts";
import { requireFixedPorts } from "./fixed-ports.ts";
import { NAMESPACE as RELEASE_NAMESPACE } from "./helm.ts";
import type { Objects } from "./objects.ts";

const NAMESPACE = "envoy-gateway-system";
const CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller";
/** Its own ports, which no setting changes. */
const PORTS = { health: 8081, discovery: 18000 };

/** Alone, and without the webhook that would tell Pods where they are. */
const KUBERNETES = {
  leaderElection: { disable: true },
  proxyTopologyInjector: { disabled: true },
};

const SETTINGS = {
  ...{ apiVersion: "gateway.envoyproxy.io/v1alpha1", kind: "EnvoyGateway" },
  gateway: { controllerName: CONTROLLER },
  provider: { type: "Kubernetes", kubernetes: KUBERNETES },
  extensionApis: { enableEnvoyPatchPolicy: true },
};

export async function startEnvoyGateway(api: ApiServer, objects: Objects): Promise<Component> {
  await requireFixedPorts("Envoy Gateway", Object.values(PORTS));
  await objects.createNamespace(NAMESPACE);
  makeCertificates(api);
  const root = await rootWithCertificates(api, "envoy-gateway");
  // It keeps filters it has fetched there.
  mkdirSync(join(root, "var"));
  writeFileSync(join(root, "settings.yaml"), JSON.stringify(SETTINGS));
  const part = {
    ...{ name: "envoy-gateway", command: "env" },
    args: [
      `KUBECONFIG=${api.kubeconfig}`,
      ...inRoot(root),
      ...[ENVOY_GATEWAY, "server", "--config-path", "/settings.yaml"],
    ],
    healthUrl: `http://127.0.0.1:${PORTS.health}/healthz`,
  };
  return startPart(part, PORTS.discovery);
}

/** A root folder with what a Pod would have mounted there, and the names of a cluster. */
async function rootWithCertificates(api: ApiServer, secretName: string): Promise<string> {
  const root = temporaryFolder();
  mkdirSync(join(root, "certs"));
  const { data } = await api.send("GET", `/api/v1/namespaces/${NAMESPACE}/secrets/${secretName}`);
  for (const [name, value] of Object.entries(data as Record<string, string>)) {
    writeFileSync(join(root, "certs", name), Buffer.from(value, "base64"), { mode: 0o600 });
  }
  const name = `envoy-gateway.${NAMESPACE}.svc`;
  writeFileSync(join(root, "hosts"), `127.0.0.1 localhost ${name} ${name}.cluster.local\n`);
  return root;
}

/** The words before a program's own. */
function inRoot(root: string): string[] {
  const script = projectPath("test", "support", "gateways", "root.sh");
  return ["unshare", "--mount", "--map-root-user", "sh", script, root];
}

function makeCertificates(api: ApiServer): void {
  const run = spawnSync(ENVOY_GATEWAY, ["certgen", "--disable-topology-injector"], {
    encoding: "utf8",
    env: { ...process.env, KUBECONFIG: api.kubeconfig },
  });
  if (run.status !== 0) throw new Error(`envoy-gateway certgen: ${run.stdout}${run.stderr}`);
}

/** A class of its gateways, and one of them; without an access log, since nothing reads one here. */
export async function createGateway(objects: Objects, port: number): Promise<void> {
  const named = { apiVersion: "gateway.envoyproxy.io/v1alpha1", kind: "EnvoyProxy" };
  const telemetry = { accessLog: { disable: true } };
  const metadata = { name: "silent" };
  await objects.create({ ...named, metadata, spec: { telemetry } }, RELEASE_NAMESPACE);
  const gatewayClass = { metadata: { name: "eg" }, spec: { controllerName: CONTROLLER } };
  const api = "gateway.networking.k8s.io/v1";
  await objects.create({ apiVersion: api, kind: "GatewayClass", ...gatewayClass }, "");
  const parametersRef = { group: "gateway.envoyproxy.io", kind: "EnvoyProxy", name: "silent" };
  const gateway = {
    ...{ apiVersion: api, kind: "Gateway", metadata: { name: "inference-gateway" } },
    spec: {
      ...{ gatewayClassName: "eg", infrastructure: { parametersRef } },
      listeners: [{ name: "http", protocol: "HTTP", port }],
    },
  };
  await objects.create(gateway, RELEASE_NAMESPACE);
}

export interface DeployedEnvoy extends Component {
  adminUrl: string;
}

/** The Envoy of the Deployment that Envoy Gateway has made for its only Gateway. */
export async function startDeployedEnvoy(api: ApiServer): Promise<DeployedEnvoy> {
  const deployments = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
  const deployment = await until("a Deployment of Envoy Gateway's", async () => {
    const { items } = await api.send("GET", deployments);
    return items[0] ?? null;
  });
  const root = await rootWithCertificates(api, "envoy");
  mkdirSync(join(root, "sds"));
  const maps = `/api/v1/namespaces/${NAMESPACE}/configmaps/${deployment.metadata.name}`;
  const { data } = await api.send("GET", maps);
  for (const [name, text] of Object.entries(data as Record<string, string>)) {
    writeFileSync(join(root, "sds", name), text);
  }
  const [envoy] = deployment.spec.template.spec.containers;
  const adminPort = await freePort();
  const bootstrap = parse(flagOf(envoy.args, "--config-yaml"));
  bootstrap.admin.address.socket_address.port_value = adminPort;
  // Its listener is for probes and statistics, on a port that another gateway here may have.
  bootstrap.static_resources.listeners = [];
  // Envoy looks a name that ends in a dot up by DNS alone.
  const text = JSON.stringify(bootstrap).replaceAll(".cluster.local.", ".cluster.local");
  writeFileSync(join(root, "bootstrap.json"), text);
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const component = await startPart(
    {
      ...{ name: "Envoy", command: "env" },
      args: [
        ...[...inRoot(root), await findEnvoy(process.env, LAUNCH)],
        ...["-c", "/bootstrap.json", "--concurrency", "2", "--log-level", "warning"],
        ...["--disable-hot-restart", "--use-dynamic-base-id"],
        ...["--service-cluster", flagOf(envoy.args, "--service-cluster")],
        ...["--service-node", "envoy-0"],
      ],
      healthUrl: `${adminUrl}/ready`,
    },
    adminPort,
  );
  return Object.assign(component, { adminUrl });
}

const LAUNCH = { say: () => {}, signal: new AbortController().signal };

function flagOf(args: string[], flag: string): string {
  const joined = args.find((word) => word.startsWith(`${flag}=`));
  const value = joined ? joined.slice(flag.length + 1) : args[args.indexOf(flag) + 1];
  if (!value) throw new Error(`the Deployment's Envoy has no ${flag}`);
  return value;
}
