// Where results go: written by the run that measured them, never by hand.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectPath } from "../../start/project.ts";

export interface Results {
  /** What was measured, whole. */
  data: unknown;
  /** Markdown. */
  text: string;
  /** A chart, if there is one. */
  chart?: string;
}

/** Writes NAME.json, NAME.md and NAME.svg into the folder, bench/results by default. */
export function writeResults(name: string, results: Results, folder?: string): void {
  const target = folder ?? projectPath("bench", "results");
  mkdirSync(target, { recursive: true });
  const write = (ending: string, text: string) =>
    writeFileSync(join(target, `${name}.${ending}`), `${text.trimEnd()}\n`);
  write("json", JSON.stringify(results.data, undefined, 1));
  write("md", results.text);
  if (results.chart) write("svg", results.chart);
}
