// Pools and their endpoints from a Kubernetes API server: InferencePools and Pods, watched.
import type { DiscoveredPool } from "../discovered.ts";
import type { ApiServer, KubernetesObject } from "./api-server.ts";
import {
  type InferenceObjective,
  inferenceObjectiveOf,
  OBJECTIVE_GROUPS,
  objectivesPath,
} from "./inference-objective.ts";
import { type InferencePool, inferencePoolOf, POOL_KINDS, poolsPath } from "./inference-pool.ts";
import { type ModelRewrite, modelRewriteOf, REWRITE_KINDS, rewritesPath } from "./model-rewrite.ts";
import { endpointsOf, type ModelServer, modelServerOf } from "./model-server.ts";
import { WatchedObjects, type WatchListener, type WatchTimes } from "./watched-objects.ts";

interface KubernetesScope {
  /** At least one. */
  namespaces: string[];
  /** Pools of other names are left alone; null takes all of the namespaces. */
  poolNames: string[] | null;
}

export interface KubernetesOptions extends KubernetesScope {
  times: WatchTimes;
  /** Numbers from 0 to below 1. */
  random(): number;
}

export interface KubernetesListener extends Omit<WatchListener, "changed"> {
  /** All rewrites there are, before pools are told; `poolOf` is the name by which a pool is told. */
  rewrites(objects: ModelRewrite[], poolOf: (object: ModelRewrite) => string): void;
  /** All pools there are; first when everything has been listed, then whenever one is another. */
  pools(pools: ServedPool[]): void;
}

export interface ServedPool extends DiscoveredPool {
  object: InferencePool;
}

/** A deployment that rolls changes many Pods at once: they are told together. */
const SETTLE_MS = 20;

export class KubernetesDiscovery {
  readonly #options: KubernetesOptions;
  readonly #listener: KubernetesListener;
  readonly #namespaces: WatchedNamespace[];
  #running: Promise<unknown> = Promise.resolve();
  #settling: NodeJS.Timeout | undefined;

  constructor(api: ApiServer, options: KubernetesOptions, listener: KubernetesListener) {
    this.#options = options;
    this.#listener = listener;
    const watchListener = { ...listener, changed: () => this.#changed() };
    this.#namespaces = options.namespaces.map((namespace) =>
      watchedNamespace(api, namespace, watchListener, options),
    );
  }

  start(): void {
    this.#running = Promise.all(this.#watched().map((watched) => watched.run()));
  }

  async stop(): Promise<void> {
    for (const watched of this.#watched()) watched.stop();
    await this.#running;
    clearTimeout(this.#settling);
  }

  #watched(): WatchedObjects<unknown>[] {
    return this.#namespaces.flatMap(({ pools, servers, objectives, rewrites }) => {
      return [...pools, servers, ...objectives, ...rewrites];
    });
  }

  #changed(): void {
    // Half of what there is would drain the other half.
    // Nor may requests go to a pool whose rewrites are not known.
    const needed = this.#namespaces.flatMap(({ pools, servers, rewrites }) => {
      return [...pools, servers, ...rewrites];
    });
    if (!needed.every(({ isKnown }) => isKnown)) return;
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#listener.rewrites(this.#rewrites(), (object) => this.#nameOf(poolOf(object)));
      this.#listener.pools(this.#pools());
    }, SETTLE_MS);
  }

  /** The oldest first: where there is room for some only, a pool that comes takes no other's place. */
  #pools(): ServedPool[] {
    const { poolNames } = this.#options;
    const served = this.#namespaces.flatMap(({ pools, servers, objectives }) => {
      return [...byName(pools).values()]
        .filter(({ name }) => poolNames === null || poolNames.includes(name))
        .map((object) => ({
          ...{ name: this.#nameOf(object), object },
          endpoints: endpointsOf(object, servers.objects.values()),
          objectives: prioritiesOf(object, objectives),
        }));
    });
    const age = ({ name, object }: ServedPool) => `${object.createdAt} ${name}`;
    return served.sort((a, b) => (age(a) < age(b) ? -1 : 1));
  }

  #rewrites(): ModelRewrite[] {
    return this.#namespaces.flatMap(({ rewrites }) => [...byName(rewrites).values()]);
  }

  /** Names are unique in a namespace only. */
  #nameOf({ namespace, name }: Pick<InferencePool, "namespace" | "name">): string {
    return this.#namespaces.length === 1 ? name : `${namespace}/${name}`;
  }
}

/** Of objects of one name, the one of the first kind. */
function byName<T>(kinds: readonly WatchedObjects<T>[]): Map<string, T> {
  return new Map(kinds.toReversed().flatMap(({ objects }) => [...objects]));
}

function poolOf({ metadata: { namespace = "" }, poolName: name }: ModelRewrite) {
  return { namespace, name };
}

interface WatchedNamespace {
  /** One for each of POOL_KINDS. */
  pools: WatchedObjects<InferencePool>[];
  servers: WatchedObjects<ModelServer>;
  /** One for each of OBJECTIVE_GROUPS. Pools do not wait for them. */
  objectives: WatchedObjects<InferenceObjective>[];
  /** One for each of REWRITE_KINDS. */
  rewrites: WatchedObjects<ModelRewrite>[];
}

function prioritiesOf(
  pool: InferencePool,
  objectives: readonly WatchedObjects<InferenceObjective>[],
): Record<string, number> {
  const installed = objectives.find(({ isInstalled }) => isInstalled);
  const own = [...(installed?.objects.values() ?? [])];
  return Object.fromEntries(
    own.filter(({ poolName }) => poolName === pool.name).map((one) => [one.name, one.priority]),
  );
}

function watchedNamespace(
  api: ApiServer,
  namespace: string,
  listener: WatchListener,
  options: KubernetesOptions,
): WatchedNamespace {
  const pools = POOL_KINDS.map(
    (kind) =>
      new WatchedObjects<InferencePool>(
        api,
        {
          path: poolsPath(kind, namespace),
          read: (object) => inferencePoolOf(kind, object),
        },
        listener,
        options,
      ),
  );
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const servers = new WatchedObjects(api, { path, read: modelServerOf }, listener, options);
  const objectives = OBJECTIVE_GROUPS.map((group) => {
    const path = objectivesPath(group, namespace);
    const kind = { path, read: inferenceObjectiveOf, isOptional: true };
    return new WatchedObjects<InferenceObjective>(api, kind, listener, options);
  });
  const rewrites = REWRITE_KINDS.map((kind) => {
    const read = (object: KubernetesObject) => modelRewriteOf(kind, object);
    const watched = { path: rewritesPath(kind, namespace), read, isOptional: true };
    return new WatchedObjects(api, watched, listener, options);
  });
  return { pools, servers, objectives, rewrites };
}
