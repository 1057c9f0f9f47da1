// Writes the configurations in this folder that run as they stand: node envoy/render.ts

import { writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { type Attachment, bootstrap } from "./bootstrap.ts";

/** One file for each attachment, and the twin without the filter, for baselines. */
const FILES: { [name: string]: Attachment } = {
  "pause.yaml": "pause",
  "buffer.yaml": "buffer",
  "without-filter.yaml": "none",
};

/** The text of every file, by name. */
export function rendered(): Map<string, string> {
  return new Map(Object.entries(FILES).map(([name, attachment]) => [name, text(name, attachment)]));
}

function text(name: string, attachment: Attachment): string {
  const configuration = bootstrap({
    attachment,
    listen: { host: "127.0.0.1", port: 8080 },
    admin: { host: "127.0.0.1", port: 9901 },
    controlPlane: { host: "127.0.0.1", port: 8081 },
    token: "%ENVIRONMENT(HINTWAY_TOKEN)%",
    filterPath: "build/filter.wasm",
    gateway: "standalone",
  });
  return `${heading(name)}\n${stringify(configuration, { aliasDuplicateObjects: false })}`;
}

function heading(name: string): string {
  return [
    "# Written by envoy/render.ts: change that, not this.",
    "# HINTWAY_TOKEN is the text of the control plane's token file. From the project's folder:",
    `# HINTWAY_TOKEN=... envoy -c envoy/${name} --use-dynamic-base-id`,
    "",
  ].join("\n");
}

if (import.meta.main) {
  for (const [name, content] of rendered())
    writeFileSync(`${import.meta.dirname}/${name}`, content);
}
