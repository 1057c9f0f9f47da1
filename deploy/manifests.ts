// Plain manifests for clusters without helm, rendered from the chart: npm run render:manifests

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { projectPath } from "../start/project.ts";
import { NAMESPACE, render } from "./helm.ts";

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

const IMAGE = "registry.example/hintway";
const GATEWAY = "inference-gateway";

const COMMON = [
  ...["token.existingSecret=hintway-token", "token.inline=TOKEN", `filter.sha256=${ZEROS}`],
  ...["inferencePool.create=true", "inferencePool.selector.app=model-server"],
  ...["httpRoute.create=true", `gateway.name=${GATEWAY}`, `image.repository=${IMAGE}`],
];

/** What a user puts in, and for which words; they stand in the files where it is needed. */
export const PLACEHOLDERS: { [words: string]: string } = {
  [IMAGE]: "the image that you have built",
  "app: model-server": "the labels of your model servers",
  [GATEWAY]: "your Gateway, whose listener here is http",
  "Bearer TOKEN": "Bearer and the token",
  FILTER_SHA256: "the sum of build/filter.wasm",
};

const WORDS_LENGTH = Math.max(...Object.keys(PLACEHOLDERS).map(({ length }) => length));

/** Names the placeholders of the file's own. */
function heading(content: string): string {
  const placeholders = Object.entries(PLACEHOLDERS).filter(([words]) => content.includes(words));
  return [
    "# Written by deploy/manifests.ts from the chart: change that, not this. Put in the place of",
    ...placeholders.map(([words, own]) => `#   ${words.padEnd(WORDS_LENGTH)}  ${own}`),
    "# Then, with a Secret hintway-token that has the keys token (which gateways show) and tokens (those",
    "# accepted, one a line):",
    `#   kubectl apply --namespace ${NAMESPACE} -f hintway.yaml`,
    "",
  ].join("\n");
}

/** The text of every file, by its path in the project. Throws what helm has against the chart. */
export function manifests(): Map<string, string> {
  return new Map(
    Object.entries(WAYS).map(([folder, values]) => {
      const { isDone, text } = render("hintway", [...COMMON, ...values]);
      if (!isDone) throw new Error(`helm: ${text}`);
      const content = text.replaceAll(ZEROS, "FILTER_SHA256");
      return [`deploy/manifests/${folder}/hintway.yaml`, `${heading(content)}${content}`];
    }),
  );
}

if (import.meta.main) {
  for (const [path, text] of manifests()) {
    mkdirSync(dirname(projectPath(path)), { recursive: true });
    writeFileSync(projectPath(path), text);
  }
}
