// Simulated model servers of a disaggregated pool: some compute prompts, the others answer.

import { join } from "node:path";
import { LOOPBACK, simulatorPart } from "./parts.ts";
import { writePrivate } from "./state.ts";
import type { PartDefinition } from "./supervise.ts";

export interface RoleServer {
  port: number;
  role: "prefill" | "decode";
}

/** llm-d's label by which a pool tells roles. */
const ROLE_LABEL = "llm-d.ai/role";
/** The simulator's name for vLLM's NIXL connector. */
const CONNECTOR = "nixlv2";

/** A server for each port; the last ones, as many as are wanted, compute prompts. */
export function roleServers(ports: number[], prefill: number): RoleServer[] {
  const decode = ports.length - prefill;
  return ports.map((port, at) => ({ port, role: at < decode ? "decode" : "prefill" }));
}

export function roleSimulatorPart({ port, role }: RoleServer): PartDefinition {
  const part = simulatorPart({ port, flags: ["--role", role, "--kv-connector", CONNECTOR] });
  return { ...part, name: `${part.name}, ${role}` };
}

/** Writes the pool file with each server's role to the state folder; returns its path. */
export function writeRolePool(stateDir: string, servers: readonly RoleServer[]): string {
  const path = join(stateDir, "simulated-pool.yaml");
  const endpoints = servers.map(({ port, role }) => ({
    name: `${role}-${port}`,
    address: LOOPBACK,
    port,
    labels: { [ROLE_LABEL]: role },
  }));
  // JSON is YAML.
  writePrivate(path, `${JSON.stringify({ endpoints }, undefined, 2)}\n`);
  return path;
}
