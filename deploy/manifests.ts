// Plain manifests for clusters without helm, rendered from the chart: npm run render:manifests

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { projectPath } from "../start/project.ts";
import { render } from "./helm.ts";

/** By folder, the values of the way to attach a gateway. */
const WAYS: { [folder: string]: string[] } = {
  standalone: ["gateway.mode=standalone"],
  istio: ["gateway.mode=istio"],
  "istio-buffer": ["gateway.mode=istio", "gateway.attachment=buffer"],
  "envoy-gateway": ["gateway.mode=envoy-gateway"],
  "envoy-gateway-buffer": ["gateway.mode=envoy-gateway", "gateway.attachment=buffer"],
  none: ["gateway.mode=none"],
};

/** Stands for the sum until it is put in: the chart takes nothing but a sum. */
const ZEROS = "0".repeat(64);

const COMMON = [
  ...["token.existingSecret=hintway-token", "token.inline=TOKEN", `filter.sha256=${ZEROS}`],
  ...["inferencePool.create=true", "httpRoute.create=true"],
];

const HEADING = `# Written by deploy/manifests.ts from the chart: change that, not this.
# Put in your own: the token for TOKEN, the sum of build/filter.wasm for FILTER_SHA256, and the labels of
# your model servers for app: model-server. Then, with the Secret hintway-token that has the keys
# token (that token) and tokens (those accepted, one a line):
#   kubectl apply --namespace inference -f hintway.yaml
`;

/** The text of every file, by its path in the project. Throws what helm has against the chart. */
export function manifests(): Map<string, string> {
  return new Map(
    Object.entries(WAYS).map(([folder, values]) => {
      const { isDone, text } = render("hintway", [...COMMON, ...values]);
      if (!isDone) throw new Error(`helm: ${text}`);
      const content = text.replaceAll(ZEROS, "FILTER_SHA256");
      return [`deploy/manifests/${folder}/hintway.yaml`, `${HEADING}${content}`];
    }),
  );
}

if (import.meta.main) {
  for (const [path, text] of manifests()) {
    mkdirSync(dirname(projectPath(path)), { recursive: true });
    writeFileSync(projectPath(path), text);
  }
}
