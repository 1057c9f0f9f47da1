// A gateway over servers of both roles, always disaggregating, so that a test knows what to expect.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ControlPlane,
  type Envoy,
  startControlPlane,
  startEnvoy,
  temporaryFolder,
} from "./components.ts";

type Role = "encode" | "prefill" | "decode";
const DECIDERS: Readonly<Record<Exclude<Role, "decode">, string>> = {
  encode: "always-disagg-multimodal-decider",
  prefill: "always-disagg-pd-decider",
};

/** Each stage that has servers runs on them, always. */
function configuration(roles: readonly Role[]): string {
  const deciders = roles.flatMap((role) => (role === "decode" ? [] : [[role, DECIDERS[role]]]));
  const types = [...roles.map((role) => `${role}-filter`), ...deciders.map(([, type]) => type)];
  return JSON.stringify({
    apiVersion: "llm-d.ai/v1alpha1",
    kind: "EndpointPickerConfig",
    plugins: [
      ...[...types, "token-cost-scorer"].map((type) => ({ type })),
      { type: "disagg-profile-handler", parameters: { deciders: Object.fromEntries(deciders) } },
    ],
    schedulingProfiles: roles.map((name) => ({
      name,
      plugins: [{ pluginRef: `${name}-filter` }, { pluginRef: "token-cost-scorer" }],
    })),
  });
}

export interface RoleGateway extends Pick<Envoy, "url" | "statistics"> {
  envoy: Envoy;
  controlPlane: ControlPlane;
  stop(): Promise<void>;
}

interface RoleGatewayOptions {
  workers?: number;
  flags?: string[];
  /** Labels of the server at this port, beside its role. */
  labelsOf?: (port: number) => Record<string, string>;
}

/** Servers are ports of this machine. It may take a moment until every worker disaggregates. */
export async function startRoleGateway(
  ports: Partial<Record<Role, number[]>>,
  { workers = 1, flags = [], labelsOf = () => ({}) }: RoleGatewayOptions = {},
): Promise<RoleGateway> {
  const folder = temporaryFolder();
  const [pool, config] = [join(folder, "pool.yaml"), join(folder, "picker.yaml")];
  const roles = Object.keys(ports) as Role[];
  const endpoints = roles.flatMap((role) =>
    (ports[role] ?? []).map((port) => ({
      name: `${role}-${port}`,
      address: "127.0.0.1",
      port,
      labels: { "llm-d.ai/role": role, ...labelsOf(port) },
    })),
  );
  writeFileSync(pool, JSON.stringify({ endpoints }));
  writeFileSync(config, configuration(roles));
  const controlPlane = await startControlPlane({ pool: [pool], config: [config], flags });
  const envoy = await startEnvoy({ controlPlane, workers }).catch(async (error: unknown) => {
    await controlPlane.stop();
    throw error;
  });
  const stop = async () => {
    await envoy.stop();
    await controlPlane.stop();
  };
  return { url: envoy.url, statistics: envoy.statistics, envoy, controlPlane, stop };
}
