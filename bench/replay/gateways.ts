// What is compared: two Envoys over the same kind of simulated model servers, which take turns
// (round robin), or pick as upstream's default plugins or Hintway's default profile say.

import { firstAnswer } from "../../start/first-answer.ts";
import { projectPath } from "../../start/project.ts";
import {
  type Envoy,
  startControlPlane,
  startEnvoy,
  startSimulators,
} from "../../test/support/components.ts";

/** Upstream's default plugins and weights. */
const REFERENCE_CONFIG = projectPath("bench", "replay", "reference.yaml");
export const ENGINES = 4;
export const GATEWAYS = 2;
export const WORKERS = 2;
export const PROFILE = "qwen32b-2xh100";

export interface Target {
  name: string;
  /** Of what it stands for in the routing simulator, with the options that depend on the speed. */
  policy(speed: number): string;
  isPlain?: true;
  config?: string;
  probePeriodMs: number;
}

/** The control plane's default. */
const PROBE_PERIOD_MS = 1_000;
/** Upstream's. */
const REFERENCE_PERIOD_MS = 50;

export const TARGETS: readonly Target[] = [
  {
    name: "round robin",
    policy: () => "round-robin",
    isPlain: true,
    probePeriodMs: PROBE_PERIOD_MS,
  },
  {
    name: "reference profile",
    policy: (speed) =>
      `hintway --config ${REFERENCE_CONFIG} --probe-ms ${REFERENCE_PERIOD_MS * speed}`,
    config: REFERENCE_CONFIG,
    probePeriodMs: REFERENCE_PERIOD_MS,
  },
  {
    name: "default",
    policy: (speed) => `hintway --probe-ms ${PROBE_PERIOD_MS * speed}`,
    probePeriodMs: PROBE_PERIOD_MS,
  },
];

const WAIT_MAX_MS = 30_000;

export interface Running {
  urls: string[];
  stop(): Promise<void>;
}

/** Fresh model servers, a control plane and gateways that serve. */
export async function startTarget(target: Target, speed: number): Promise<Running> {
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const part of running.splice(0).reverse()) await part.stop();
  };
  try {
    const flags = ["--profile", PROFILE, "--speed", `${speed}`];
    const engines = await startSimulators(ENGINES, flags);
    running.push(...engines);
    const attachment = target.isPlain ? "none" : "pause";
    const controlPlane = await startControlPlane({
      ...{ endpoints: engines.map(({ address }) => address), attachment },
      ...(target.config && { config: [target.config] }),
      flags: ["--probe-period-ms", `${target.probePeriodMs}`],
    });
    running.push(controlPlane);
    const envoys: Envoy[] = [];
    for (let number = 0; number < GATEWAYS; number++) {
      const envoy = await startEnvoy({ controlPlane, attachment, workers: WORKERS });
      running.push(envoy);
      envoys.push(envoy);
    }
    for (const { url } of envoys) await untilServing(url, !target.isPlain);
    return { urls: envoys.map(({ url }) => url), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilServing(url: string, picks: boolean): Promise<void> {
  const launch = { say() {}, signal: new AbortController().signal };
  const answer = await firstAnswer(url, { launch, waitMaxMs: WAIT_MAX_MS, picks });
  if ("obstacles" in answer) throw new Error(answer.obstacles.join("; "));
}
