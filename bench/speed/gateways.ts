// What is compared: the same Envoy and the same clusters over the same instant model server, without
// the filter and with it in both attachments.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { buildFilter } from "../../start/build-filter.ts";
import { freePorts } from "../../start/ports.ts";
import { StartError } from "../../start/start-error.ts";
import {
  type ControlPlane,
  type Envoy,
  startControlPlane,
  startEnvoy,
  temporaryFolder,
} from "../../test/support/components.ts";
import { until } from "../../test/support/until.ts";
import { InstantServerProcess, LoadGenerator } from "../parts/child-process.ts";

export const TARGETS = ["plain", "pause", "buffer"] as const;
export type Target = (typeof TARGETS)[number];

const ENDPOINTS = 4;
const WORKERS = 2;

export interface Gateways {
  /** The load's port. */
  portOf: { [target in Target]: number };
  /** Process ids of the target's Envoy and control plane, and of all that is ours. */
  processesFor(target: Target): { [name: string]: number };
  load: LoadGenerator;
  filterPath: string;
  envoys: { [target in Target]: Envoy };
  stop(): Promise<void>;
}

/**
 * Starts all. Each attachment has a control plane of its own: one control plane would tell each
 * gateway of the other's picks, and what that costs would be charged to the wrong one.
 */
export async function startGateways(): Promise<Gateways> {
  const running: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(part: T): T => {
    running.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of running.splice(0).reverse()) await part.stop();
  };
  try {
    const filterPath = await ownFilter();
    const server = keep(await InstantServerProcess.start(await freePorts(ENDPOINTS)));
    const endpoints = server.addresses;
    const pausePlane = keep(await startControlPlane({ endpoints }));
    const bufferPlane = keep(await startControlPlane({ endpoints, attachment: "buffer" }));
    const start = async (controlPlane: ControlPlane, attachment: "none" | "pause" | "buffer") =>
      keep(await startEnvoy({ controlPlane, attachment, workers: WORKERS, filterPath }));
    const envoys = {
      plain: await start(pausePlane, "none"),
      pause: await start(pausePlane, "pause"),
      buffer: await start(bufferPlane, "buffer"),
    };
    const load = keep(new LoadGenerator());
    const planeOf = { plain: pausePlane, pause: pausePlane, buffer: bufferPlane };
    await Promise.all(TARGETS.map((target) => untilServing(envoys[target], target)));
    return {
      portOf: { plain: envoys.plain.port, pause: envoys.pause.port, buffer: envoys.buffer.port },
      processesFor: (target) => {
        const idle = TARGETS.filter((other) => other !== target);
        return {
          envoy: idOf(envoys[target]),
          controlPlane: idOf(planeOf[target]),
          server: server.processId,
          load: load.processId,
          bench: process.pid,
          idleEnvoy: idOf(envoys[idle[0] ?? target]),
          otherIdleEnvoy: idOf(envoys[idle[1] ?? target]),
          idleControlPlane: idOf(target === "buffer" ? pausePlane : bufferPlane),
        };
      },
      ...{ load, filterPath, envoys, stop },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A copy of the filter: a build while this runs must not change what is measured. */
export async function ownFilter(target: "release" | "trap" = "release"): Promise<string> {
  const signal = new AbortController().signal;
  const built = await buildFilter({ say: () => {}, signal }, target);
  const copy = join(temporaryFolder(), "filter.wasm");
  copyFileSync(built, copy);
  return copy;
}

function idOf(component: { process: { pid?: number | undefined } }): number {
  return component.process.pid ?? 0;
}

/** With the filter, a request must be answered by its pick and not by a fallback policy. */
async function untilServing(envoy: Envoy, target: Target): Promise<void> {
  await until(`an answer of the ${target} gateway`, async () => {
    const response = await fetch(`${envoy.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-hintway-explain": "1" },
      body: '{"model":"m","messages":[{"role":"user","content":"hello"}]}',
    });
    await response.arrayBuffer();
    if (response.status !== 200) return false;
    return target === "plain" || response.headers.has("x-hintway-explain");
  }).catch((cause) => {
    throw new StartError(
      `The ${target} gateway does not serve.`,
      ["Envoy's last lines:", ...envoy.lines()].join("\n    "),
      cause,
    );
  });
}
