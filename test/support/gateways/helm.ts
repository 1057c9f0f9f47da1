// The chart as helm renders it.

import { spawnSync } from "node:child_process";
import { parseAllDocuments } from "yaml";
import { projectPath } from "../../../start/project.ts";
import { HELM } from "./assets.ts";

// biome-ignore lint/suspicious/noExplicitAny: objects of every kind, read by tests.
export type KubernetesObject = any;

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

/** The objects of a release `hw`, or what helm says against it. */
export function template(values: string[]): KubernetesObject[] | string {
  const words = ["template", "hw", CHART, "--namespace", NAMESPACE, ...VERSION, ...set(values)];
  const { isDone, said, rendered } = helm(words);
  if (!isDone) return said;
  return parseAllDocuments(rendered)
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}

function set(values: string[]): string[] {
  return values.flatMap((value) => ["--set", value]);
}
