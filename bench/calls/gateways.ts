// What is compared: listeners of one Envoy, each with a filter of its own, so that they share all but
// the filter; the shipped filter and what is built of it; and an Envoy whose machines only tick.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EnvoyMessage } from "../../envoy/bootstrap.ts";
import { freePorts } from "../../start/ports.ts";
import {
  type Envoy,
  startControlPlane,
  startEnvoy,
  temporaryFolder,
} from "../../test/support/components.ts";
import { runFirst } from "../measure/priority.ts";
import { InstantServerProcess, LoadGenerator } from "../parts/child-process.ts";
import { compiled } from "../parts/compiled.ts";
import { ownFilter } from "../speed/gateways.ts";
import { noopSource } from "../speed/noop-filter.ts";
import { shippedWithout } from "./builds.ts";
import { sourceOf, type Variant } from "./variants.ts";

export const PLAIN = "without a filter";
export const NOOP = "a filter that does nothing";
export const SHIPPED = "the shipped filter";
export const UNREAD = "the shipped filter, without the callback of response bodies";

const WORKERS = 2;
const ENDPOINTS = 4;
const TICK_MS = 5;

/** Where load is put, and whose CPU time that takes. */
export interface Place {
  port: number;
  processId: number;
}

export interface CallGateways {
  places: ReadonlyMap<string, Place>;
  /** Filters that do nothing: one's machines tick every 5 ms, the other's never. */
  ticking: Place;
  still: Place;
  load: LoadGenerator;
  filterPath: string;
  stop(): Promise<void>;
}

export async function startCallGateways(variants: readonly Variant[]): Promise<CallGateways> {
  const running: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(part: T): T => {
    running.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of running.splice(0).reverse()) await part.stop();
  };
  try {
    const [port = 0] = await freePorts(1);
    const endpoints = Array.from({ length: ENDPOINTS }, (_, at) => `127.0.1.${at + 1}:${port}`);
    const server = keep(await InstantServerProcess.start(endpoints));
    const load = keep(new LoadGenerator());
    const controlPlane = keep(await startControlPlane({ endpoints }));
    const start = async (filterPath: string, alter?: (bootstrap: EnvoyMessage) => EnvoyMessage) => {
      const options = { controlPlane, workers: WORKERS, filterPath };
      return keep(await startEnvoy({ ...options, ...(alter ? { alter } : {}) }));
    };
    const filterPath = await ownFilter();
    const filters = new Map([[NOOP, noopSource]]);
    for (const variant of variants)
      filters.set(variant.name, sourceOf(variant, endpoints[0] ?? ""));
    const folder = temporaryFolder();
    const listeners = await listenersOf(filters, folder);
    const many = await start(filterPath, (bootstrap) => withListeners(bootstrap, listeners));
    const shipped = await start(filterPath);
    const unread = await start(await shippedWithout("proxy_on_response_body"));
    const still = await start(await saved(folder, "still", noopSource));
    const ticking = await start(await saved(folder, "ticking", tickingSource()));
    const places = new Map(listeners.map(({ name, port }) => [name, placeOf(many, port)]));
    places.set(SHIPPED, placeOf(shipped)).set(UNREAD, placeOf(unread));
    const ids = [many, shipped, unread, still, ticking].map((envoy) => placeOf(envoy).processId);
    runFirst([...ids, server.processId, load.processId]);
    return {
      ...{ places, ticking: placeOf(ticking), still: placeOf(still) },
      ...{ load, filterPath, stop },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function placeOf(envoy: Envoy, port = envoy.port): Place {
  return { port, processId: envoy.process.pid ?? 0 };
}

interface Listener {
  name: string;
  port: number;
  /** None: no filter. */
  filterPath?: string;
}

async function listenersOf(
  sources: ReadonlyMap<string, string>,
  folder: string,
): Promise<Listener[]> {
  const ports = await freePorts(sources.size + 1);
  const listeners: Listener[] = [{ name: PLAIN, port: ports[0] ?? 0 }];
  for (const [name, source] of sources) {
    const at = listeners.length;
    listeners.push({
      name,
      port: ports[at] ?? 0,
      filterPath: await saved(folder, `${at}`, source),
    });
  }
  return listeners;
}

async function saved(folder: string, name: string, source: string): Promise<string> {
  const path = join(folder, `${name}.wasm`);
  writeFileSync(path, await compiled(source));
  return path;
}

/** The gateway's own listener again and again, each time with another filter and machines of its own. */
function withListeners(bootstrap: EnvoyMessage, added: readonly Listener[]): EnvoyMessage {
  const text = JSON.stringify(bootstrap);
  const copy = JSON.parse(text);
  const [listener] = copy.static_resources.listeners;
  for (const { name, port, filterPath } of added) {
    const other = structuredClone(listener);
    other.name = name;
    other.address.socket_address.port_value = port;
    const manager = other.filter_chains[0].filters[0].typed_config;
    const [wasm, ...rest] = manager.http_filters;
    if (filterPath) {
      wasm.typed_config.config.vm_config.vm_id = name;
      wasm.typed_config.config.vm_config.code.local.filename = filterPath;
    }
    manager.http_filters = filterPath ? [wasm, ...rest] : rest;
    copy.static_resources.listeners.push(other);
  }
  return copy;
}

function tickingSource(): string {
  return `@external("env", "proxy_set_tick_period_milliseconds") declare function period(ms: u32): u32;
${noopSource.replace(/(proxy_on_configure\([^)]*\): u32 \{)/, `$1 period(${TICK_MS});`)}`;
}
