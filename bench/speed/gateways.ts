// What is compared: the same Envoy and the same clusters over the same instant model server, alone,
// with a filter that does nothing, with ours in both attachments, and with the reference picker.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { buildFilter } from "../../start/build-filter.ts";
import { freePorts } from "../../start/ports.ts";
import { StartError } from "../../start/start-error.ts";
import {
  type Envoy,
  type EnvoyOptions,
  startControlPlane,
  startEnvoy,
  temporaryFolder,
} from "../../test/support/components.ts";
import { until } from "../../test/support/until.ts";
import { runFirst } from "../measure/priority.ts";
import { InstantServerProcess, LoadGenerator } from "../parts/child-process.ts";
import { CACHE_BLOCKS } from "../parts/instant-server.ts";
import { withPicker } from "../picker/envoy.ts";
import { type Picker, type PickerOptions, startPicker } from "../picker/picker.ts";
import { noopFilter } from "./noop-filter.ts";
import type { Setting } from "./plan.ts";

const TARGETS = ["plain", "noop", "pause", "buffer", "ext_proc"] as const;
export type Target = (typeof TARGETS)[number];

export const WORKERS = 2;

export interface Gateways {
  targets: Target[];
  envoyOf(target: Target): Envoy;
  /** Process ids: `envoy`, the target's; `decider`, its control plane or picker; and all others. */
  processesFor(target: Target): { [name: string]: number };
  /** Lets what only this target needs run, and stops it where it is while others are measured. */
  during<T>(target: Target, work: () => Promise<T>): Promise<T>;
  load: LoadGenerator;
  filterPath: string;
  stop(): Promise<void>;
}

export function targetsWith(picker: PickerOptions | undefined): Target[] {
  return TARGETS.filter((target) => target !== "ext_proc" || picker !== undefined);
}

/**
 * Starts all. Each attachment has a control plane of its own: one control plane would tell each
 * gateway of the other's picks, and what that costs would be charged to the wrong one.
 */
export async function startGateways(
  setting: Setting,
  pickerOptions: PickerOptions | undefined,
): Promise<Gateways> {
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
    const [port = 0] = await freePorts(1);
    const hosts = Array.from({ length: setting.endpoints }, (_, number) => hostOf(number));
    const endpoints = hosts.map((host) => `${host}:${port}`);
    const server = keep(await InstantServerProcess.start(endpoints, cacheBlocksFor(setting)));
    const load = keep(new LoadGenerator());
    const pausePlane = keep(await startControlPlane({ endpoints }));
    const bufferPlane = keep(await startControlPlane({ endpoints, attachment: "buffer" }));
    const picker = pickerOptions && keep(await startPicker(pickerOptions, hosts, port));
    const start = async (options: Partial<EnvoyOptions>) =>
      keep(
        await startEnvoy({ controlPlane: pausePlane, workers: WORKERS, filterPath, ...options }),
      );
    const envoys = new Map<Target, Envoy>([
      ["plain", await start({ attachment: "none" })],
      ["noop", await start({ filterPath: await noopFilter() })],
      ["pause", await start({})],
      ["buffer", await start({ controlPlane: bufferPlane, attachment: "buffer" })],
    ]);
    if (picker) {
      const alter = (bootstrap: object) => withPicker({ ...bootstrap }, picker.port);
      envoys.set("ext_proc", await start({ attachment: "none", alter }));
    }
    for (const [target, envoy] of envoys) await untilServing(envoy, target);
    picker?.hold();
    const ids = {
      ...{ server: server.processId, load: load.processId, bench: process.pid },
      ...Object.fromEntries([...envoys].map(([target, envoy]) => [`${target} envoy`, idOf(envoy)])),
      ...Object.fromEntries((picker?.serverIds ?? []).map((id, at) => [`API server ${at}`, id])),
      ...{ "pause plane": idOf(pausePlane), "buffer plane": idOf(bufferPlane) },
      ...(picker ? { picker: picker.processId } : {}),
    };
    runFirst(Object.values(ids));
    const deciders = { buffer: "buffer plane", ext_proc: "picker" } as const;
    const envoyOf = (target: Target) => envoys.get(target) as Envoy;
    return {
      targets: [...envoys.keys()],
      processesFor: (target) =>
        named(ids, {
          [`${target} envoy`]: "envoy",
          [target in deciders ? deciders[target as "buffer"] : "pause plane"]: "decider",
        }),
      during: (target, work) => (target === "ext_proc" ? whileRunning(picker, work) : work()),
      ...{ envoyOf, load, filterPath, stop },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Loopback has 16 million addresses, and a Pod of the reference picker needs one of its own. */
function hostOf(number: number): string {
  return `127.0.${1 + (number >> 7)}.${1 + (number & 127)}`;
}

/** Of one key: the index is filled with prompts short enough that each block has one. */
const BLOCK_BYTES = 1024;
/** A cache block's: 16 tokens of 4 bytes. */
const CACHE_BLOCK_BYTES = 64;
/** Of an endpoint's cache, what the index takes for usable; and how many times that it keeps. */
const USED_SHARE = 0.9;
const KEPT_TIMES = 6;

/** A cache of such a size that the keys kept of all endpoints come to the setting's, if it is large. */
function cacheBlocksFor({ endpoints, indexKeys }: Setting): number | undefined {
  const keys = indexKeys / endpoints / KEPT_TIMES / USED_SHARE;
  const blocks = Math.round((keys * BLOCK_BYTES) / CACHE_BLOCK_BYTES);
  return blocks > CACHE_BLOCKS ? blocks : undefined;
}

/** The ids with some of them under other names. */
function named(ids: { [name: string]: number }, names: { [name: string]: string }) {
  return Object.fromEntries(Object.entries(ids).map(([name, id]) => [names[name] ?? name, id]));
}

/** Its connections and lists wake up with it. */
async function whileRunning<T>(picker: Picker | undefined, work: () => Promise<T>): Promise<T> {
  picker?.resume();
  try {
    return await work();
  } finally {
    picker?.hold();
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

/** With our filter, a request must be answered by its pick and not by a fallback policy. */
async function untilServing(envoy: Envoy, target: Target): Promise<void> {
  await until(`an answer of the ${target} gateway`, async () => {
    const response = await fetch(`${envoy.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-hintway-explain": "1" },
      body: '{"model":"m","messages":[{"role":"user","content":"hello"}]}',
    });
    await response.arrayBuffer();
    if (response.status !== 200) return false;
    const isOurs = target === "pause" || target === "buffer";
    return !isOurs || response.headers.has("x-hintway-explain");
  }).catch((cause) => {
    throw new StartError(
      `The ${target} gateway does not serve.`,
      ["Envoy's last lines:", ...envoy.lines()].join("\n    "),
      cause,
    );
  });
}
