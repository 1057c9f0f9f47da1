// Istio as it runs in a cluster, as processes of this machine: istiod, and the agent of a gateway,
// which makes Envoy's bootstrap and fetches what a WasmPlugin names. Its Envoy is the project's.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { findEnvoy } from "../../../start/find-envoy.ts";
import { freePorts } from "../../../start/ports.ts";
import { type Component, startPart, temporaryFolder } from "../components.ts";
import type { ApiServer } from "../kubernetes/api-server.ts";
import { Namespace } from "../kubernetes/cluster.ts";
import { ISTIO_AGENT, ISTIO_BOOTSTRAP, ISTIOD } from "./assets.ts";
import type { DeployedEnvoy } from "./envoy-gateway.ts";
import { requireFixedPorts } from "./fixed-ports.ts";
import { NAMESPACE } from "./helm.ts";
import type { Objects } from "./objects.ts";
import { machineAddress } from "./release.ts";

const ISTIO_NAMESPACE = "istio-system";
/** The agent takes a CA at this port to be without TLS, and at no other. */
const DISCOVERY_PORT = 15_010;
const DISCOVERY = `127.0.0.1:${DISCOVERY_PORT}`;
const LABELS = { "gateway.networking.k8s.io/gateway-name": "inference-gateway" };
const POD = "gateway-0";

/** `settings` are environment variables, as in istiod's Deployment. */
export async function startIstiod(
  api: ApiServer,
  objects: Objects,
  settings: string[] = [],
): Promise<Component> {
  await requireFixedPorts("istiod", [DISCOVERY_PORT]);
  await objects.createNamespace(ISTIO_NAMESPACE);
  const [http = 0, monitoring = 0] = await freePorts(2);
  return startPart(
    {
      ...{ name: "istiod", command: "env" },
      args: [
        ...["--chdir", temporaryFolder(), `POD_NAMESPACE=${ISTIO_NAMESPACE}`, "POD_NAME=istiod-0"],
        // There are no webhooks of it on this API server.
        ...["VALIDATION_WEBHOOK_CONFIG_NAME=", "INJECTION_WEBHOOK_CONFIG_NAME=", ...settings],
        ...[ISTIOD, "discovery", "--kubeconfig", api.kubeconfig, "--grpcAddr", DISCOVERY],
        ...["--httpAddr", `127.0.0.1:${http}`, "--monitoringAddr", `127.0.0.1:${monitoring}`],
        ...["--httpsAddr=", "--secureGRPCAddr=", "--ctrlz_port=0"],
      ],
      healthUrl: `http://127.0.0.1:${http}/ready`,
    },
    http,
  );
}

/** A Gateway that is deployed by hand, its Service, and the Pod that the agent runs in. */
export async function createGateway(api: ApiServer, objects: Objects, port: number): Promise<void> {
  const metadata = { name: "gateway" };
  const ports = [{ name: "http", port, targetPort: port }];
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { selector: LABELS, ports },
  };
  await objects.create(service, NAMESPACE);
  const pod = new Namespace(api, NAMESPACE, temporaryFolder());
  await pod.createPod(POD, machineAddress(), { labels: LABELS });
  const address = { type: "Hostname", value: `gateway.${NAMESPACE}.svc.cluster.local` };
  const gateway = {
    ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway" },
    metadata: { name: "inference-gateway" },
    spec: {
      ...{ gatewayClassName: "istio", addresses: [address] },
      listeners: [{ name: "http", protocol: "HTTP", port }],
    },
  };
  await objects.create(gateway, NAMESPACE);
}

/** The agent keeps filters it has fetched in a fixed place, which its image has: a folder of its own here. */
const WITH_DATA_FOLDER = [
  ...["unshare", "--mount", "--map-root-user", "sh", "-c"],
  ...['mount -t tmpfs tmpfs /var/lib && mkdir -p /var/lib/istio/data && exec "$@"', "sh"],
];

export async function startIstioGateway(): Promise<DeployedEnvoy> {
  const folder = temporaryFolder();
  makeCertificate(join(folder, "etc", "certs"));
  const template = join(folder, "var", "lib", "istio", "envoy");
  mkdirSync(template, { recursive: true });
  copyFileSync(ISTIO_BOOTSTRAP, join(template, "envoy_bootstrap_tmpl.json"));
  const [admin = 0, status = 0, prometheus = 0, agent = 0] = await freePorts(4);
  const configuration = {
    ...{ binaryPath: await findEnvoy(process.env, LAUNCH), proxyAdminPort: admin, concurrency: 2 },
    ...{ configPath: join(folder, "proxy"), statusPort: agent, terminationDrainDuration: "1s" },
    ...{ discoveryAddress: DISCOVERY, controlPlaneAuthPolicy: "NONE" },
  };
  const adminUrl = `http://127.0.0.1:${admin}`;
  const component = await startPart(
    {
      ...{ name: "Istio's gateway", command: "env" },
      args: [
        ...["--chdir", folder, `PROXY_CONFIG=${JSON.stringify(configuration)}`],
        ...[`POD_NAME=${POD}`, `POD_NAMESPACE=${NAMESPACE}`, `INSTANCE_IP=${machineAddress()}`],
        ...["SERVICE_ACCOUNT=gateway", "ISTIO_META_CLUSTER_ID=Kubernetes", `CA_ADDR=${DISCOVERY}`],
        `ISTIO_METAJSON_LABELS=${JSON.stringify(LABELS)}`,
        ...[`ENVOY_STATUS_PORT=${status}`, `ENVOY_PROMETHEUS_PORT=${prometheus}`],
        ...WITH_DATA_FOLDER,
        ...[ISTIO_AGENT, "proxy", "router", "--domain", `${NAMESPACE}.svc.cluster.local`],
      ],
      healthUrl: `${adminUrl}/ready`,
    },
    admin,
  );
  return Object.assign(component, { adminUrl });
}

/** A certificate that is its own root, as mounted files: no Pod of this mesh has to trust it. */
function makeCertificate(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const [key, chain] = ["key.pem", "cert-chain.pem"].map((name) => join(folder, name));
  const words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=gateway"];
  const run = spawnSync("openssl", [...words, "-keyout", key ?? "", "-out", chain ?? ""]);
  if (run.status !== 0) throw new Error(`openssl: ${run.error?.message ?? run.stderr}`);
  copyFileSync(chain ?? "", join(folder, "root-cert.pem"));
}

const LAUNCH = { say: () => {}, signal: new AbortController().signal };
