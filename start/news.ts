// What a waiting user wants to hear of the control plane's log, in a sentence each.

import type { Options } from "./options.ts";

/** The files that the control plane watches. */
export type WatchedFiles = Pick<Options, "pool" | "config">;

/** The fields of a log line that carries an `event`; control-plane/control-plane.ts writes them. */
interface Entry {
  event?: string;
  file?: "pool" | "config";
  msg?: string;
  profiles?: { profile: string; steps: string[] }[];
  warnings?: string[];
  endpoints?: number;
  endpoint?: string;
  state?: string;
  lastFailure?: string | null;
}

/** The sentence for a line that the control plane printed; undefined where it is no news. */
export function newsOf(line: string, files: WatchedFiles): string | undefined {
  const entry = readEntry(line);
  if (entry.event === "endpoint-state") return endpointNews(entry);
  const path = entry.file && files[entry.file];
  if (!path) return undefined;
  if (entry.event === "file-refused") {
    return `--${entry.file} refused: ${entry.msg} The last good one stays in force.`;
  }
  if (entry.event !== "file-in-force") return undefined;
  const what = entry.file === "pool" ? poolText(entry) : profilesText(entry);
  return [`--${entry.file} ${path} is in force: ${what}.`, ...warningLines(entry)].join("\n");
}

function readEntry(line: string): Entry {
  try {
    return (JSON.parse(line) as Entry | null) ?? {};
  } catch {
    // Not every line that a process prints is its log's.
    return {};
  }
}

function endpointNews({ endpoint, state, lastFailure }: Entry): string {
  const reason = state === "down" && lastFailure ? `: ${lastFailure}` : ".";
  return `Model server ${endpoint} is ${state}${reason}`;
}

function poolText({ endpoints = 0 }: Entry): string {
  return endpoints === 1 ? "1 endpoint" : `${endpoints} endpoints`;
}

function profilesText({ profiles = [] }: Entry): string {
  const texts = profiles.map(({ profile, steps }) => `profile ${profile} with ${steps.join(", ")}`);
  return texts.join("; ");
}

function warningLines({ warnings = [] }: Entry): string[] {
  return warnings.map((warning) => `  warning: ${warning}`);
}
