// What is compared: the same four simulated model servers, all of one kind, or two for prompts and two
// for answers, with each decider.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { firstAnswer } from "../../start/first-answer.ts";
import {
  type Component,
  type ControlPlane,
  startControlPlane,
  startEnvoy,
  startSimulator,
  temporaryFolder,
} from "../../test/support/components.ts";

export const ENGINES_OF_A_ROLE = 2;
export const PROFILE = "qwen32b-2xh100";
const CONNECTOR = "nixlv2";
const WORKERS = 2;
/** Of real time, that a busy machine does not outlast what computed blocks wait for decode. */
const LEASE_MS = 30_000;
const WAIT_MAX_MS = 30_000;

const COST = { pluginRef: "token-cost-scorer" };
const ROLES = ["prefill", "decode"] as const;
type Role = (typeof ROLES)[number];

/** A way of deciding where prompts are read. */
export interface Way {
  name: string;
  /** Whether servers have roles; else each reads prompts and answers. */
  hasRoles: boolean;
  /** An EndpointPickerConfig; Hintway's default without it. */
  config?: object;
}

function configOf(plugins: object[], profiles: object[]): object {
  return {
    ...{ apiVersion: "llm-d.ai/v1alpha1", kind: "EndpointPickerConfig" },
    plugins: [{ type: "token-cost-scorer" }, ...plugins],
    schedulingProfiles: profiles,
  };
}

const DECODE_PROFILE = { name: "decode", plugins: [{ pluginRef: "decode-filter" }, COST] };
const PREFILL_PROFILE = { name: "prefill", plugins: [{ pluginRef: "prefill-filter" }, COST] };

function decidedBy(type: string): object {
  const handler = { type: "disagg-profile-handler", parameters: { deciders: { prefill: type } } };
  const filters = [{ type: "prefill-filter" }, { type: "decode-filter" }];
  return configOf([...filters, { type }, handler], [PREFILL_PROFILE, DECODE_PROFILE]);
}

export const WAYS: readonly Way[] = [
  { name: "default decider", hasRoles: true },
  { name: "always", hasRoles: true, config: decidedBy("always-disagg-pd-decider") },
  {
    name: "upstream's, by uncached tokens",
    hasRoles: true,
    config: decidedBy("prefix-based-pd-decider"),
  },
  {
    name: "never",
    hasRoles: true,
    config: configOf([{ type: "decode-filter" }], [DECODE_PROFILE]),
  },
  { name: "no roles: four of one kind", hasRoles: false },
];

export interface RunningWay {
  url: string;
  controlPlane: ControlPlane;
  stop(): Promise<void>;
}

/** Fresh model servers, a control plane and a gateway that serves. */
export async function startWay(way: Way, speed: number): Promise<RunningWay> {
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const part of running.splice(0).reverse()) await part.stop();
  };
  try {
    const servers: { role: Role; server: Component }[] = [];
    for (const role of ROLES) {
      for (let number = 0; number < ENGINES_OF_A_ROLE; number++) {
        const server = await startSimulator(flagsOf(way, role, speed));
        running.push(server);
        servers.push({ role, server });
      }
    }
    const controlPlane = await startControlPlane(filesOf(way, servers));
    running.push(controlPlane);
    const envoy = await startEnvoy({ controlPlane, workers: WORKERS });
    running.push(envoy);
    const launch = { say() {}, signal: new AbortController().signal };
    const answer = await firstAnswer(envoy.url, { launch, waitMaxMs: WAIT_MAX_MS });
    if ("obstacles" in answer) throw new Error(answer.obstacles.join("; "));
    return { url: envoy.url, controlPlane, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function flagsOf({ hasRoles }: Way, role: Role, speed: number): string[] {
  const lease = ["--kv-lease-ms", `${LEASE_MS * speed}`];
  const roles = hasRoles ? ["--role", role, "--kv-connector", CONNECTOR, ...lease] : [];
  return ["--profile", PROFILE, "--speed", `${speed}`, ...roles];
}

/** JSON is YAML. */
function filesOf(
  { hasRoles, config }: Way,
  servers: readonly { role: Role; server: Component }[],
): { pool: string[]; config?: string[] } {
  const folder = temporaryFolder();
  const [poolFile, configFile] = [join(folder, "pool.yaml"), join(folder, "picker.yaml")];
  const endpoints = servers.map(({ role, server: { port } }) => ({
    ...{ name: `${role}-${port}`, address: "127.0.0.1", port },
    labels: hasRoles ? { "llm-d.ai/role": role } : {},
  }));
  writeFileSync(poolFile, JSON.stringify({ endpoints }));
  if (config === undefined) return { pool: [poolFile] };
  writeFileSync(configFile, JSON.stringify(config));
  return { pool: [poolFile], config: [configFile] };
}
