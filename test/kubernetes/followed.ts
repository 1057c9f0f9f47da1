// Kubernetes discovery inside a test's process, and what it has told last.

import { KubeConfig } from "@kubernetes/client-node";
import { ApiServer } from "../../control-plane/discovery/kubernetes/api-server.ts";
import {
  KubernetesDiscovery,
  type KubernetesScope,
} from "../../control-plane/discovery/kubernetes/discovery.ts";
import {
  WATCH_TIMES,
  type WatchTimes,
} from "../../control-plane/discovery/kubernetes/watched-objects.ts";
import { addressText } from "../../control-plane/pool/endpoint.ts";
import { until } from "../support/until.ts";

export class Followed {
  readonly #discovery: KubernetesDiscovery;
  /** By pool, `ip:port` of its endpoints in order; null until it was told. */
  pools: Record<string, string[]> | null = null;
  /** Names of the endpoints, labels, and so on, as they were told. */
  told: { name: string; endpoints: { name: string; labels: Record<string, string> }[] }[] = [];
  readonly failures: string[] = [];
  recoveries = 0;

  constructor(kubeconfig: string, scope: KubernetesScope, times: Partial<WatchTimes> = {}) {
    const api = new ApiServer(() => {
      const configuration = new KubeConfig();
      configuration.loadFromFile(kubeconfig);
      return configuration;
    });
    this.#discovery = new KubernetesDiscovery(
      api,
      { ...scope, times: { ...WATCH_TIMES, ...times }, random: Math.random },
      {
        pools: (pools) => {
          this.told = pools;
          const sorted = pools.map(({ name, endpoints }) => [
            name,
            endpoints.map(addressText).sort(),
          ]);
          this.pools = Object.fromEntries(sorted);
        },
        failed: (_path, { message }) => void this.failures.push(message),
        recovered: () => void this.recoveries++,
      },
    );
    this.#discovery.start();
  }

  /** Resolves when exactly these pools, with these endpoints, are told. */
  async until(pools: Record<string, string[]>, timeoutMs?: number): Promise<void> {
    const wanted = JSON.stringify(Object.entries(pools).sort());
    const told = () => this.pools && JSON.stringify(Object.entries(this.pools).sort());
    await until(wanted, () => told() === wanted, timeoutMs).catch((error) => {
      throw new Error(`${error.message}; told ${told()}; ${this.failures.at(-1) ?? ""}`);
    });
  }

  stop(): Promise<void> {
    return this.#discovery.stop();
  }
}

/** Call it at the top of a file: what it starts is stopped after each test. */
export function following(afterEach: (stop: () => Promise<void>) => void) {
  const all: Followed[] = [];
  afterEach(async () => {
    await Promise.all(all.splice(0).map((followed) => followed.stop()));
  });
  return (...parameters: ConstructorParameters<typeof Followed>): Followed => {
    const followed = new Followed(...parameters);
    all.push(followed);
    return followed;
  };
}
