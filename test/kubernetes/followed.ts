// A cluster followed inside a test's process, and what was heard of it.

import {
  ApiServer,
  configurationFrom,
} from "../../control-plane/discovery/kubernetes/api-server.ts";
import { Cluster, type ClusterOptions } from "../../control-plane/discovery/kubernetes/cluster.ts";
import type { ServedPool } from "../../control-plane/discovery/kubernetes/discovery.ts";
import {
  WATCH_TIMES,
  type WatchTimes,
} from "../../control-plane/discovery/kubernetes/watched-objects.ts";
import { addressText } from "../../control-plane/pool/endpoint.ts";
import type { RewriteRule } from "../../control-plane/pool/rewrites.ts";
import { until } from "../support/until.ts";

const STANDARD = {
  ...{ namespaces: ["default"], poolNames: null, configMap: null, keys: [], kept: undefined },
  ...{ parents: [], controllerName: "hintway/test", poolsMax: 64 },
};

export interface FollowedOptions extends Omit<Partial<ClusterOptions>, "times"> {
  times?: Partial<WatchTimes>;
}

export class Followed {
  readonly #cluster: Cluster;
  /** By pool, `ip:port` of its endpoints in order; null until it was told. */
  pools: Record<string, string[]> | null = null;
  /** What was told last, as it was told. */
  told: ServedPool[] = [];
  /** Rules of rewrites. */
  rules: RewriteRule[] = [];
  /** By part, what is refused of it at this moment. */
  readonly refusals = new Map<string, string>();
  /** What was ever refused, or failed. */
  readonly failures: string[] = [];
  recoveries = 0;

  constructor(kubeconfig: string, options: FollowedOptions) {
    const times = { ...WATCH_TIMES, ...options.times };
    const api = new ApiServer(() => configurationFrom(kubeconfig));
    this.#cluster = new Cluster(
      api,
      { ...STANDARD, ...options, times },
      {
        pools: (pools) => {
          this.told = pools;
          const sorted = pools.map((pool) => [pool.name, pool.endpoints.map(addressText).sort()]);
          this.pools = Object.fromEntries(sorted);
        },
        rewrites: (rules) => {
          this.rules = rules;
        },
        refused: (part, { message }) => {
          this.refusals.set(part, message);
          this.failures.push(message);
        },
        accepted: (part) => {
          this.recoveries++;
          this.refusals.delete(part);
        },
      },
    );
    this.#cluster.start();
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
    return this.#cluster.stop();
  }
}

/** Call it at the top of a file: what it starts is stopped after each test. */
export function following(afterEach: (stop: () => Promise<void>) => void) {
  const all: Followed[] = [];
  afterEach(async () => {
    await Promise.all(all.splice(0).map((followed) => followed.stop()));
  });
  return (kubeconfig: string, options: FollowedOptions): Followed => {
    const followed = new Followed(kubeconfig, options);
    all.push(followed);
    return followed;
  };
}
