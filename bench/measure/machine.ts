// What was measured, and on what.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { projectPath } from "../../start/project.ts";

export interface Machine {
  at: string;
  processors: string;
  kernel: string;
  node: string;
  envoy: string;
  commit: string;
  /** SHA-256 of the filter that was measured, its first digits. */
  filter: string;
}

export function describeMachine(envoyPath?: string, filterPath?: string): Machine {
  const processors = cpus();
  return {
    at: minuteOf(new Date()),
    processors: `${processors.length} × ${processors[0]?.model ?? "unknown"}`,
    kernel: release(),
    node: process.version,
    envoy: envoyPath ? envoyVersion(envoyPath) : "not used",
    commit: firstLine("git", ["-C", projectPath(), "describe", "--always", "--dirty"]),
    filter: filterPath ? fileHash(filterPath) : "not used",
  };
}

/** 2026-01-31 12:00, UTC. */
export function minuteOf(moment: Date): string {
  return moment.toISOString().slice(0, 16).replace("T", " ");
}

export function machineText(machine: Machine): string {
  return (
    `Measured ${machine.at} UTC at commit ${machine.commit} (filter ${machine.filter}) on ` +
    `${machine.processors}, Linux ${machine.kernel}, Node ${machine.node}, ` +
    `Envoy ${machine.envoy}.`
  );
}

/** SHA-256 of a file, its first digits. */
export function fileHash(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 12);
}

function envoyVersion(path: string): string {
  const text = firstLine(path, ["--version"]);
  return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? text;
}

function firstLine(command: string, args: string[]): string {
  try {
    const text = execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text.trim().split("\n")[0] ?? "";
  } catch {
    return "unknown";
  }
}
