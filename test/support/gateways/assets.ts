// What the chart's tests need besides an API server: helm, and the CRDs of the gateways and operators
// whose objects the chart makes. `npm run test:gateways` gets them once.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { HELM } from "../../../deploy/helm.ts";
import { cacheFolder } from "../../../start/cache-folder.ts";
import { isExecutable } from "../executable.ts";
import { findAssets } from "../kubernetes/assets.ts";

export const CACHE = join(cacheFolder(process.env), "gateways");

export const ISTIO_VERSION = "1.31.1";
export const ENVOY_GATEWAY_VERSION = "v1.9.1";
// Each of its version, so that another one is built anew.
export const ENVOY_GATEWAY = join(CACHE, `envoy-gateway-${ENVOY_GATEWAY_VERSION}`);
export const ISTIOD = join(CACHE, `pilot-discovery-${ISTIO_VERSION}`);
export const ISTIO_AGENT = join(CACHE, `pilot-agent-${ISTIO_VERSION}`);
/** What the agent makes Envoy's bootstrap of. */
export const ISTIO_BOOTSTRAP = join(CACHE, `envoy_bootstrap-${ISTIO_VERSION}.json`);

const MONITORING = "example/prometheus-operator-crd/monitoring.coreos.com";
const ENVOY = "charts/gateway-helm/charts/crds/crds";

/** Modules that publish CRDs, and the files of each. */
export const CRD_MODULES = [
  {
    module: "istio.io/api",
    version: `v${ISTIO_VERSION}`,
    files: ["kubernetes/customresourcedefinitions.gen.yaml"],
  },
  {
    module: "github.com/envoyproxy/gateway",
    version: ENVOY_GATEWAY_VERSION,
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

/** Where the copy of a file of a module's version is. */
export function copyOf(version: string, file: string): string {
  return join(CACHE, `${version}_${file.replaceAll("/", "_")}`);
}

export function copies(): string[] {
  return CRD_MODULES.flatMap(({ version, files }) => files.map((file) => copyOf(version, file)));
}

/** What is not there, and where it comes from; undefined when all is. Throws it where all is to run. */
export function missing(): string | undefined {
  return allowed(missingOfChart());
}

/** As above, and of the gateway's own programs. */
export function missingGateway(programs: string[]): string | undefined {
  const absent = programs.filter((path) => !isExecutable(path)).map((path) => basename(path));
  if (absent.length === 0) return missing();
  return allowed(`no ${absent.join(", no ")}; \`npm run test:gateways\` builds them`);
}

/** That command, whose tests are not to be skipped. */
const isWhole = process.env["TEST_GATEWAYS"] === "whole";

function allowed(absent: string | undefined): string | undefined {
  if (isWhole && absent) throw new Error(absent);
  return absent;
}

function missingOfChart(): string | undefined {
  const cluster = findAssets();
  const absent = [
    ...(isExecutable(HELM) ? [] : ["helm"]),
    ...(copies().every((path) => existsSync(path)) ? [] : ["CRDs of gateways"]),
  ];
  if (absent.length > 0) return `no ${absent.join(", no ")}; \`npm run test:gateways\` gets them`;
  return "missing" in cluster ? cluster.missing : undefined;
}
