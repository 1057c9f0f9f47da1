// helm, as scripts and tests run it.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { cacheFolder } from "../start/cache-folder.ts";
import { projectPath } from "../start/project.ts";

export const HELM_VERSION = "v3.22.0";

/** Where `npm run test:gateways` builds it; of the version, so that another one is built anew. */
export const HELM = join(cacheFolder(process.env), "gateways", `helm-${HELM_VERSION}`);

const CHART = projectPath("deploy", "chart");

/** helm built from its module takes itself to speak to an old one. */
const VERSION = ["--kube-version", "1.35.0"];

export const NAMESPACE = "inference";

/** What helm prints, to both streams, and whether it is content. */
function helm(words: string[]): { isDone: boolean; said: string; rendered: string } {
  const run = spawnSync(HELM, words, { encoding: "utf8" });
  return { isDone: run.status === 0, said: run.stdout + run.stderr, rendered: run.stdout };
}

export function lint(values: string[]): { isDone: boolean; said: string } {
  return helm(["lint", "--strict", CHART, ...VERSION, ...set(values)]);
}

/** The text of a release's objects; `isDone` tells whether it is not what helm has against it. */
export function render(release: string, values: string[]): { isDone: boolean; text: string } {
  const words = ["template", release, CHART, "--namespace", NAMESPACE, ...VERSION, ...set(values)];
  const { isDone, said, rendered } = helm(words);
  return { isDone, text: isDone ? rendered : said };
}

function set(values: string[]): string[] {
  return values.flatMap((value) => ["--set", value]);
}
