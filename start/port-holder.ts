// Which process listens on a port, as far as Linux tells it to this user in /proc.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface PortHolder {
  /** Of the launcher, where the holder is a part of a gateway. */
  processId: number;
  /** Empty where the system does not tell it. */
  command: string;
  isHintway: boolean;
}

const COMMAND_CHARACTERS_MAX = 80;
/** The state of a listening socket in /proc/net/tcp. */
const LISTEN = "0A";

/** Undefined where nobody listens, or the listener is another user's. */
export function portHolder(port: number): PortHolder | undefined {
  const sockets = listeningSockets(port);
  const holder = processIds().find((id) => holdsOneOf(id, sockets));
  if (holder === undefined) return undefined;
  const launcher = [holder, parentOf(holder)].find((id) => id && isLauncher(id));
  const processId = launcher ?? holder;
  return { processId, command: commandOf(processId), isHintway: launcher !== undefined };
}

/** `socket:[inode]` of each socket that listens on the port, on whatever address. */
function listeningSockets(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = ["tcp", "tcp6"].flatMap((table) => read(`/proc/net/${table}`).split("\n"));
  const columns = lines.map((line) => line.trim().split(/\s+/));
  const listening = columns.filter((of) => of[1]?.endsWith(suffix) && of[3] === LISTEN);
  return new Set(listening.map((of) => `socket:[${of[9]}]`));
}

function processIds(): number[] {
  return names("/proc").map(Number).filter(Number.isInteger);
}

function holdsOneOf(processId: number, sockets: Set<string>): boolean {
  if (sockets.size === 0) return false;
  const folder = `/proc/${processId}/fd`;
  return names(folder).some((name) => sockets.has(linkAt(`${folder}/${name}`)));
}

/** The parent's process id; undefined where the system does not tell it. */
export function parentOf(processId: number): number | undefined {
  const [, parent] = /^PPid:\s*(\d+)$/m.exec(read(`/proc/${processId}/status`)) ?? [];
  return parent === undefined ? undefined : Number(parent);
}

/** Any clone's launcher: its path ends alike, relative under npm. */
function isLauncher(processId: number): boolean {
  const words = read(`/proc/${processId}/cmdline`).split("\0");
  return words.some((word) => word === "start/main.ts" || word.endsWith("/start/main.ts"));
}

function commandOf(processId: number): string {
  const text = read(`/proc/${processId}/cmdline`).replaceAll("\0", " ").trim();
  return text.slice(0, COMMAND_CHARACTERS_MAX);
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
