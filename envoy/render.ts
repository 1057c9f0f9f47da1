// Writes the configurations that run as they stand, here, and the chart's Envoy: node envoy/render.ts

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { FALLBACKS_STANDARD } from "../protocol/limits.ts";
import { CONTROL_PLANE_CLUSTER } from "../protocol/names.ts";
import { type Attachment, type BootstrapOptions, bootstrap } from "./bootstrap.ts";
import { controlPlaneCluster, originalDestinationCluster } from "./clusters.ts";
import { bufferFilter } from "./filters.ts";
import { type IstioOptions, istioBufferPatches, istioPatches } from "./istio.ts";
import type { EnvoyMessage } from "./message.ts";
import { caSecret, tokenSecret } from "./secrets.ts";
import { type ControlPlaneTls, controlPlaneTransport } from "./tls.ts";

/** One file for each attachment, and the twin without the filter, for baselines. */
const FILES: { [path: string]: Attachment } = {
  "envoy/pause.yaml": "pause",
  "envoy/buffer.yaml": "buffer",
  "envoy/without-filter.yaml": "none",
};

/** The chart's, in which it puts the release's own words in the place of those in capitals. */
const CHART = "deploy/chart/files";
const TRANSPORT = "CONTROL_PLANE_TRANSPORT";
const CONTROL_PLANE = { host: "CONTROL_PLANE_HOST", port: 8081 };

/** Where the chart's Envoy finds what may change while it runs. */
const MOUNTED = "/etc/envoy";
const TOKEN_FILE = "/etc/hintway/token/token";
const CA_FILE = "/etc/hintway/control-plane-ca/ca.crt";

const TOKEN = "%ENVIRONMENT(HINTWAY_TOKEN)%";

/** The text of every file, by its path in the project. */
export function rendered(): Map<string, string> {
  const texts = Object.entries(FILES).map(([path, attachment]): [string, string] => [
    path,
    text(localHeading(path), bootstrap(local(attachment))),
  ]);
  return new Map([
    ...texts,
    [`${CHART}/envoy.yaml`, text(HEADING, bootstrap(inCluster()))],
    [`${CHART}/token-secret.yaml`, text(HEADING, tokenSecret(TOKEN_FILE))],
    [`${CHART}/control-plane-ca-secret.yaml`, text(HEADING, caSecret(CA_FILE))],
    [
      `${CHART}/control-plane-transport.yaml`,
      text(HEADING, transport({ secretPath: `${MOUNTED}/control-plane-ca-secret.yaml` })),
    ],
    [
      `${CHART}/control-plane-transport-written.yaml`,
      text(HEADING, transport({ text: "CONTROL_PLANE_CA" })),
    ],
    [`${CHART}/istio-patches.yaml`, text(HEADING, istioPatches(ISTIO))],
    [`${CHART}/istio-buffer-patches.yaml`, text(HEADING, istioBufferPatches(ISTIO))],
    [
      `${CHART}/original-destination-cluster.yaml`,
      text(HEADING, originalDestinationCluster("POOL")),
    ],
    [`${CHART}/buffer-filter.yaml`, text(HEADING, bufferFilter())],
    [
      `${CHART}/control-plane-cluster.yaml`,
      text(HEADING, controlPlaneCluster(CONTROL_PLANE, "TOKEN", TRANSPORT)),
    ],
  ]);
}

function transport(ca: ControlPlaneTls["ca"]): EnvoyMessage {
  return controlPlaneTransport({ ca, name: "CONTROL_PLANE_NAME" });
}

const ISTIO: IstioOptions = {
  controlPlane: CONTROL_PLANE,
  controlPlaneTransport: TRANSPORT,
  token: "TOKEN",
  code: {
    url: "http://CONTROL_PLANE_HOST:8081/filter.wasm",
    cluster: CONTROL_PLANE_CLUSTER,
    sha256: "FILTER_SHA256",
  },
  service: { host: "POOL_SERVICE", port: 80 },
  route: "POOL_ROUTE",
  fallbacks: FALLBACKS_STANDARD,
};

function local(attachment: Attachment): BootstrapOptions {
  return {
    attachment,
    listen: { host: "127.0.0.1", port: 8080 },
    admin: { host: "127.0.0.1", port: 9901 },
    controlPlane: { host: "127.0.0.1", port: 8081 },
    token: TOKEN,
    filterPath: "build/filter.wasm",
    gateway: "standalone",
    accessLog: {},
  };
}

function inCluster(): BootstrapOptions {
  return {
    ...local("pause"),
    listen: { host: "0.0.0.0", port: 8080 },
    probes: { host: "0.0.0.0", port: 9902 },
    controlPlane: CONTROL_PLANE,
    controlPlaneTransport: TRANSPORT,
    token: { secretPath: `${MOUNTED}/token-secret.yaml` },
    accessLog: { percent: "ACCESS_LOG_PERCENT" },
    filterPath: "/etc/hintway/filter/filter.wasm",
  };
}

function text(heading: string, content: EnvoyMessage | EnvoyMessage[]): string {
  return `${heading}\n${stringify(content, { aliasDuplicateObjects: false })}`;
}

function localHeading(path: string): string {
  return [
    "# Written by envoy/render.ts: change that, not this.",
    "# HINTWAY_TOKEN is the text of the control plane's token file. From the project's folder:",
    `# HINTWAY_TOKEN=... envoy -c ${path} --use-dynamic-base-id`,
    "",
  ].join("\n");
}

const HEADING = "# Written by envoy/render.ts: change that, not this.\n";

const USAGE = `npm run render

Writes these files anew, and takes no options:
${[...rendered().keys()].map((path) => `  ${path}`).join("\n")}`;

if (import.meta.main) {
  const [option] = process.argv.slice(2);
  if (option === undefined) {
    const project = join(import.meta.dirname, "..");
    for (const [path, content] of rendered()) writeFileSync(join(project, path), content);
  } else if (option === "--help" || option === "-h") {
    process.stdout.write(`${USAGE}\n`);
  } else {
    process.stderr.write(`error: unknown option ${option}\n${USAGE}\n`);
    process.exitCode = 1;
  }
}
