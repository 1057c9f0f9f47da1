// What the chart's tests need besides an API server: helm, and the CRDs of the gateways and operators
// whose objects the chart makes. `npm run test:gateways` gets them once.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { HELM } from "../../../deploy/helm.ts";
import { cacheFolder } from "../../../start/cache-folder.ts";
import { isExecutable } from "../executable.ts";
import { findAssets } from "../kubernetes/assets.ts";

export const CACHE = join(cacheFolder(process.env), "gateways");
export const ENVOY_GATEWAY = join(CACHE, "envoy-gateway");
export const ISTIOD = join(CACHE, "pilot-discovery");
export const ISTIO_AGENT = join(CACHE, "pilot-agent");
/** What the agent makes Envoy's bootstrap of. */
export const ISTIO_BOOTSTRAP = join(CACHE, "envoy_bootstrap.json");

const MONITORING = "example/prometheus-operator-crd/monitoring.coreos.com";
const ENVOY = "charts/gateway-helm/charts/crds/crds";

/** Modules that publish CRDs, and the files of each. */
export const CRD_MODULES = [
  {
    module: "istio.io/api",
    version: "v1.31.1",
    files: ["kubernetes/customresourcedefinitions.gen.yaml"],
  },
  {
    module: "github.com/envoyproxy/gateway",
    version: "v1.9.1",
    files: [
      `${ENVOY}/gatewayapi-crds.yaml`,
      ...["backends", "backendtrafficpolicies", "clienttrafficpolicies"].map(ofEnvoyGateway),
      ...["envoyextensionpolicies", "envoypatchpolicies", "envoyproxies"].map(ofEnvoyGateway),
      ...["httproutefilters", "securitypolicies"].map(ofEnvoyGateway),
    ],
  },
  {
    module: "github.com/prometheus-operator/prometheus-operator",
    version: "v0.85.0",
    files: ["servicemonitors", "podmonitors", "prometheusrules"].map(
      (plural) => `${MONITORING}_${plural}.yaml`,
    ),
  },
] as const;

function ofEnvoyGateway(plural: string): string {
  return `${ENVOY}/generated/gateway.envoyproxy.io_${plural}.yaml`;
}

/** Where the copy of a module's file is. */
export function copyOf(file: string): string {
  return join(CACHE, file.replaceAll("/", "_"));
}

export function copies(): string[] {
  return CRD_MODULES.flatMap(({ files }) => files.map(copyOf));
}

/** What is not there, and where it comes from; undefined when all is. */
export function missing(): string | undefined {
  const cluster = findAssets();
  const absent = [
    ...(isExecutable(HELM) ? [] : ["helm"]),
    ...(copies().every((path) => existsSync(path)) ? [] : ["CRDs of gateways"]),
  ];
  if (absent.length > 0) return `no ${absent.join(", no ")}; \`npm run test:gateways\` gets them`;
  return "missing" in cluster ? cluster.missing : undefined;
}

/** As above, and of the gateway's own programs. */
export function missingGateway(programs: string[]): string | undefined {
  const absent = programs.filter((path) => !isExecutable(path)).map((path) => basename(path));
  if (absent.length === 0) return missing();
  return `no ${absent.join(", no ")}; \`npm run test:gateways\` builds them`;
}
