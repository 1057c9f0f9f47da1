// Simulated model servers of a disaggregated pool: some encode media, some compute prompts, the others answer.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { LOOPBACK, simulatorPart } from "./parts.ts";
import { writePrivate } from "./state.ts";
import type { PartDefinition } from "./supervise.ts";

export interface RoleServer {
  port: number;
  role: "encode" | "prefill" | "decode";
}

/** How simulated servers hand KV caches over, by the names of the control plane's `--kv-connector`. */
export const SIMULATED_CONNECTORS = [
  ...["nixlv2", "moriio", "shared-storage", "lmcache", "offloading", "mooncake", "sglang"],
] as const;

/** LMCache is told nothing, as shared storage is; the simulator knows both by the latter's name. */
const NAMES_IN_SIMULATOR = new Map([["lmcache", "shared-storage"]]);

/** llm-d's labels by which a pool tells roles, connectors, and where decode meets prefill. */
const ROLE_LABEL = "llm-d.ai/role";
const CONNECTOR_LABEL = "llm-d.ai/kv-connector";
const BOOTSTRAP_PORT_LABEL = "llm-d.ai/bootstrap-port";

/** A server for each port: first those that encode, as many as are wanted, then prefill, then decode. */
export function roleServers(ports: number[], encode: number, prefill: number): RoleServer[] {
  return ports.map((port, at) => ({ port, role: roleAt(at, encode, prefill) }));
}

function roleAt(at: number, encode: number, prefill: number): RoleServer["role"] {
  if (at < encode) return "encode";
  return at < encode + prefill ? "prefill" : "decode";
}

/** What stands for shared storage. */
function storeOf(stateDir: string): string {
  return join(stateDir, "kv-store");
}

/** Servers that start hold nothing, and nor does the storage that they share. */
export function emptyStore(stateDir: string): void {
  rmSync(storeOf(stateDir), { recursive: true, force: true });
}

/** `stateDir` has the folder that stands for shared storage. */
export function roleSimulatorPart(
  { port, role }: RoleServer,
  connector: string,
  stateDir: string,
): PartDefinition {
  const name = NAMES_IN_SIMULATOR.get(connector) ?? connector;
  const store = name === "shared-storage" ? ["--kv-store", storeOf(stateDir)] : [];
  const flags = ["--role", role, "--kv-connector", name, ...store];
  const part = simulatorPart({ port, flags });
  return { ...part, name: `${part.name}, ${role}` };
}

/** Writes the pool file with each server's role to the state folder; returns its path. */
export function writeRolePool(
  stateDir: string,
  servers: readonly RoleServer[],
  connector: string,
): string {
  const path = join(stateDir, "simulated-pool.yaml");
  const endpoints = servers.map(({ port, role }) => ({
    name: `${role}-${port}`,
    address: LOOPBACK,
    port,
    labels: {
      [ROLE_LABEL]: role,
      [CONNECTOR_LABEL]: connector,
      // A simulated server answers at one port for everything.
      [BOOTSTRAP_PORT_LABEL]: `${port}`,
    },
  }));
  // JSON is YAML.
  writePrivate(path, `${JSON.stringify({ endpoints }, undefined, 2)}\n`);
  return path;
}
