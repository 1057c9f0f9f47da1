// The control plane's place in a cluster: which pools it serves, what it is told by its ConfigMap, and
// what it says of itself to those who look at the objects.
import { isDeepStrictEqual } from "node:util";
import type { HintwayError } from "../../errors.ts";
import type { RewriteRule } from "../../pool/rewrites.ts";
import type { DiscoveredPool } from "../discovered.ts";
import type { ApiServer } from "./api-server.ts";
import { type ConfigMapKey, type KeptTexts, WatchedConfigMap } from "./config-map.ts";
import { KubernetesDiscovery, type ServedPool } from "./discovery.ts";
import { Events, type WriteListener } from "./events.ts";
import { ModelRewrites } from "./model-rewrite.ts";
import { type Parent, PoolStatuses } from "./pool-status.ts";
import { WATCH_TIMES, type WatchTimes } from "./watched-objects.ts";

export interface ClusterOptions {
  namespaces: string[];
  poolNames: string[] | null;
  /** In the first of the namespaces; null for none. */
  configMap: string | null;
  /** What is under the keys of the ConfigMap. */
  keys: readonly ConfigMapKey[];
  kept: KeptTexts | undefined;
  /** Gateways for which pools' conditions are kept. */
  parents: Parent[];
  controllerName: string;
  /** As many pools as can be served; others are told so. */
  poolsMax: number;
  times?: WatchTimes;
}

export interface ClusterListener {
  pools(pools: ServedPool[]): void;
  /** Rules of all InferenceModelRewrites, those that win first; told before pools are. */
  rewrites(rules: RewriteRule[]): void;
  /** The part that does not work; it is tried again. `part` is a path of the API server;
   * `kind` stands for parts of which there may be many. */
  refused(part: string, error: HintwayError, kind?: string): void;
  /** What was refused of it is over. */
  accepted(part: string): void;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #listener: ClusterListener;
  readonly #events: Events;
  readonly #statuses: PoolStatuses;
  readonly #discovery: KubernetesDiscovery;
  readonly #configMap: WatchedConfigMap | null;
  #told: DiscoveredPool[] | null = null;
  #toldRules: RewriteRule[] = [];

  constructor(api: ApiServer, options: ClusterOptions, listener: ClusterListener) {
    this.#options = options;
    this.#listener = listener;
    const watching = {
      failed: (path: string, error: HintwayError) => listener.refused(path, error),
      recovered: (path: string) => listener.accepted(path),
    };
    const { namespaces, configMap, times = WATCH_TIMES } = options;
    const random = Math.random;
    this.#events = new Events(api, this.#writing("events"));
    this.#statuses = new PoolStatuses(api, {
      ...{ ...options, ...this.#writing("status") },
      now: () => new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    });
    const rewrites = new ModelRewrites(this.#events, {
      refused: (part, error, kind) => listener.refused(part, error, kind),
      accepted: (part) => listener.accepted(part),
      rewrites: (rules) => this.#takeRules(rules),
    });
    this.#discovery = new KubernetesDiscovery(
      api,
      { ...options, times, random },
      {
        ...watching,
        pools: (pools) => this.#take(pools),
        rewrites: (objects, poolOf) => rewrites.take(objects, poolOf),
      },
    );
    const place = { namespace: namespaces[0] ?? "default", name: configMap ?? "" };
    this.#configMap =
      configMap === null
        ? null
        : new WatchedConfigMap(
            api,
            this.#events,
            {
              ...{ ...options, ...place, times, random },
              refused: (error) => listener.refused(`configmaps/${place.name}`, error),
              accepted: () => listener.accepted(`configmaps/${place.name}`),
            },
            watching,
          );
  }

  start(): void {
    this.#configMap?.start();
    this.#discovery.start();
  }

  async stop(): Promise<void> {
    await this.#discovery.stop();
    await this.#configMap?.stop();
    await this.#statuses.stop();
    await this.#events.sent();
  }

  #writing(part: string): WriteListener {
    let isRefused = false;
    return {
      failed: (error) => {
        isRefused = true;
        this.#listener.refused(part, error);
      },
      succeeded: () => {
        if (isRefused) this.#listener.accepted(part);
        isRefused = false;
      },
    };
  }

  #takeRules(rules: RewriteRule[]): void {
    if (!isDeepStrictEqual(rules, this.#toldRules)) this.#listener.rewrites(rules);
    this.#toldRules = rules;
  }

  #take(pools: ServedPool[]): void {
    const { poolsMax } = this.#options;
    // Most changes of Pods and pools are of no concern to gateways, which are told a whole table.
    const told = pools.map(({ object: _object, ...told }) => told);
    if (!isDeepStrictEqual(told, this.#told)) this.#listener.pools(pools);
    this.#told = told;
    for (const [index, { object }] of pools.entries()) {
      const isAccepted = index < poolsMax;
      const message = isAccepted
        ? "The pool is served."
        : `One control plane serves ${poolsMax} pools; run another for it, with --inference-pools.`;
      this.#statuses.set(object, { isAccepted, message });
    }
  }
}
