import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { EnvoyMessage } from "../../envoy/bootstrap.ts";
import { FILTER_NAME } from "../../envoy/filters.ts";
import { buildFilter } from "../../start/build-filter.ts";
import { ask, chat, type Message, prose } from "../support/asking.ts";
import {
  type Envoy,
  startControlPlane,
  startEnvoy,
  temporaryFolder,
} from "../support/components.ts";
import { PodServers } from "../support/kubernetes/pod-servers.ts";
import { LAUNCH } from "../support/launch.ts";
import { pollsAt } from "../support/replicas.ts";
import { StreamLoad } from "../support/stream-load.ts";
import { until } from "../support/until.ts";

const CLIENTS = 16;
const ROUNDS = 3;
/** Between two upgrades: streams of the one before are still running. */
const PAUSE_MS = 1_000;
/** Streams of a second and a half. */
const EVENTS = 30;
/** Between the clients' beginnings, so that there are always some that begin and some that end. */
const APART_MS = 90;
const ENDPOINTS = 4;
/** Each on a connection of its own, so that both workers are among those asked. */
const ASKED = 8;

const running: { stop(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

/** The filter of an Envoy that has it by ECDS, from a file that is replaced as a whole. */
class FilterDiscovery {
  readonly #folder = temporaryFolder();
  readonly #path = join(this.#folder, "filter.json");
  readonly #code: Buffer;
  #filter: EnvoyMessage = {};
  #version = 0;

  private constructor(code: Buffer) {
    this.#code = code;
  }

  static async prepared(): Promise<FilterDiscovery> {
    return new FilterDiscovery(readFileSync(await buildFilter(LAUNCH)));
  }

  /** Has the configuration discover what it held. */
  readonly alter = (configuration: EnvoyMessage): EnvoyMessage => {
    const filter = httpFilters(configuration).find(({ name }) => name === FILTER_NAME)!;
    this.#filter = filter["typed_config"] as EnvoyMessage;
    delete filter["typed_config"];
    filter["config_discovery"] = {
      config_source: {
        resource_api_version: "V3",
        path_config_source: { path: this.#path, watched_directory: { path: this.#folder } },
      },
      type_urls: [this.#filter["@type"]],
    };
    this.upgrade();
    return configuration;
  };

  /** Other code in every byte's sum, as of another release: a section that says nothing is added. */
  upgrade(): void {
    const version = String(++this.#version);
    const name = `version ${version}`;
    const section = Buffer.from([0, name.length + 1, name.length, ...Buffer.from(name)]);
    const path = join(this.#folder, `filter-${version}.wasm`);
    writeFileSync(path, Buffer.concat([this.#code, section]));
    const filter = structuredClone(this.#filter) as { config: { vm_config: EnvoyMessage } };
    filter.config.vm_config["code"] = { local: { filename: path } };
    const type = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    const resource = { "@type": type, name: FILTER_NAME, typed_config: filter };
    const fresh = `${this.#path}.fresh`;
    writeFileSync(fresh, JSON.stringify({ version_info: version, resources: [resource] }));
    renameSync(fresh, this.#path);
  }
}

function httpFilters(configuration: EnvoyMessage): EnvoyMessage[] {
  const { listeners } = configuration["static_resources"] as { listeners: Listener[] };
  return listeners[0]!.filter_chains[0]!.filters[0]!.typed_config.http_filters;
}

interface Listener {
  filter_chains: { filters: { typed_config: { http_filters: EnvoyMessage[] } }[] }[];
}

async function reloads(envoy: Envoy): Promise<number> {
  const counts = await envoy.statistics(
    `extension_config_discovery.*${FILTER_NAME}.config_reload$`,
  );
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

async function started(attachment: "pause" | "buffer") {
  const servers = await PodServers.start(EVENTS);
  running.push(servers);
  const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => {
    return `127.4.0.${index + 1}:${servers.port}`;
  });
  const controlPlane = await startControlPlane({ attachment, endpoints });
  running.push(controlPlane);
  const discovery = await FilterDiscovery.prepared();
  const envoy = await startEnvoy({ attachment, controlPlane, alter: discovery.alter });
  running.push(envoy);
  await until("it explains", async () => (await matched(envoy)) !== undefined);
  await until("it knows the prompt", async () => ((await matched(envoy)) ?? 0) > 0);
  return {
    controlPlane,
    discovery,
    envoy,
    load: new StreamLoad(envoy.url, CLIENTS, { apartMs: APART_MS }),
  };
}

const CONVERSATION: Message[] = [{ role: "user", content: prose("upgraded", 6_000) }];

/** How many of its keys the best candidate has; undefined where the pick is not a fresh one. */
async function matched(envoy: Envoy): Promise<number | undefined> {
  const { explanation } = await ask(envoy.url, chat(CONVERSATION, 1, true));
  if (explanation?.stage !== "fresh") return undefined;
  return explanation.candidates.reduce((most, one) => Math.max(most, one.matchedKeys), 0);
}

describe("under load", () => {
  it.each([
    ["a filter that is replaced by ECDS", "pause", true, false],
    ["a control plane that is replaced", "pause", false, true],
    ["both at once", "pause", true, true],
    ["both at once", "buffer", true, true],
  ] as const)(
    "%s, with attachment %s, fails no request, cuts no stream and forgets nothing",
    async (what, attachment, isFilter, isControlPlane) => {
      const { controlPlane, discovery, envoy, load } = await started(attachment);
      const keys = await matched(envoy);
      for (let round = 0; round < ROUNDS; round++) {
        await sleep(PAUSE_MS);
        if (isControlPlane) await controlPlane.stop();
        if (isFilter) await upgradeFilter(envoy, discovery);
        if (isControlPlane) await controlPlane.start();
        await until("it polls", async () => (await pollsAt(controlPlane)) > 0);
        await until("no worker to have forgotten", async () => {
          const all = await Promise.all(Array.from({ length: ASKED }, () => matched(envoy)));
          return all.every((known) => known === keys);
        });
      }
      const { failures, served, firstMsMax } = await load.end();
      const counts = `${served} served, ${failures.length} failed`;
      const slowest = `slowest first byte ${Math.round(firstMsMax)} ms`;
      console.log(`${what}, ${ROUNDS} times, ${attachment}: ${counts}, ${slowest}`);
      expect(failures).toEqual([]);
      expect(served).toBeGreaterThan(2 * CLIENTS);
    },
  );
});

async function upgradeFilter(envoy: Envoy, discovery: FilterDiscovery): Promise<void> {
  const before = await reloads(envoy);
  discovery.upgrade();
  await until("it is in force", async () => (await reloads(envoy)) > before);
}
