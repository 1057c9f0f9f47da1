// Conditions on pools: one entry for each Gateway that the control plane is told to answer for.
//
// Upstream declares the list of entries atomic: a server-side apply replaces it whole, whoever owns
// which entry. So others' entries are applied as they were read, at the version at which they were
// read; if the object has changed since, the server refuses, and the change that follows is answered.

import { setTimeout as wait } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { HintwayError } from "../../errors.ts";
import type { ApiServer } from "./api-server.ts";
import type { WriteListener } from "./events.ts";
import {
  type Condition,
  type InferencePool,
  type ParentStatus,
  poolsPath,
} from "./inference-pool.ts";

export interface Parent {
  name: string;
  namespace: string;
}

export interface PoolStatusOptions extends WriteListener {
  /** The Gateways to answer for. */
  parents: readonly Parent[];
  /** `DOMAIN/PATH`; marks the entries that are this control plane's own. */
  controllerName: string;
  /** ISO 8601. */
  now(): string;
}

/** Whether the pool is served; `message` is for people. */
export interface Verdict {
  isAccepted: boolean;
  message: string;
}

const FIELD_MANAGER = "hintway";
const GATEWAY = { group: "gateway.networking.k8s.io", kind: "Gateway" };
/** What the CRD of the older group begins with, until a controller has answered. */
const PLACEHOLDER_KIND = "Status";
const PAUSE_MS = 5_000;

export class PoolStatuses {
  readonly #api: ApiServer;
  readonly #options: PoolStatusOptions;
  readonly #stopped = new AbortController();
  /** By path: what is to be looked at, once more where it is changed meanwhile. */
  readonly #wanted = new Map<string, { pool: InferencePool; verdict: Verdict }>();
  #working: Promise<void> | null = null;

  constructor(api: ApiServer, options: PoolStatusOptions) {
    this.#api = api;
    this.#options = options;
  }

  /** Says the verdict in the pool's status, where that does not say it yet. */
  set(pool: InferencePool, verdict: Verdict): void {
    this.#wanted.set(pathOf(pool), { pool, verdict });
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopped;
    while (this.#wanted.size > 0 && !signal.aborted) {
      let pauseMs = 0;
      for (const [path, { pool, verdict }] of [...this.#wanted]) {
        const isDone = await this.#apply(path, pool, verdict);
        if (!isDone) pauseMs = PAUSE_MS;
        else if (this.#wanted.get(path)?.pool === pool) this.#wanted.delete(path);
      }
      await wait(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Answers whether there is nothing more to do. */
  async #apply(path: string, pool: InferencePool, verdict: Verdict): Promise<boolean> {
    const parents = parentsWith(pool, verdict, this.#options);
    if (isDeepStrictEqual(parents, pool.parents)) return true;
    const { kind, name, namespace, resourceVersion } = pool;
    try {
      await this.#api.apply(`${path}/status`, FIELD_MANAGER, {
        ...{ apiVersion: `${kind.group}/${kind.version}`, kind: "InferencePool" },
        metadata: { name, namespace, resourceVersion },
        status: kind.status(parents),
      });
      this.#options.succeeded();
      return true;
    } catch (error) {
      if (!(error instanceof HintwayError)) throw error;
      // It has changed, or is gone: what it is at this moment comes by the watch.
      if (error.code === "KUBERNETES_CONFLICT" || error.code === "KUBERNETES_NOT_FOUND")
        return true;
      this.#options.failed(error);
      return false;
    }
  }
}

/** The pool's entries as they should be: others' untouched, one for each parent. */
function parentsWith(
  pool: InferencePool,
  verdict: Verdict,
  { parents, controllerName, now }: PoolStatusOptions,
): ParentStatus[] {
  const isOwn = (entry: ParentStatus) =>
    pool.kind.hasControllerName
      ? entry.controllerName === controllerName
      : parents.some((parent) => isOf(entry, parent, pool.namespace));
  const others = pool.parents.filter((entry) => !isOwn(entry));
  const own = parents.map((parent) => {
    const before = pool.parents.find(
      (entry) => isOwn(entry) && isOf(entry, parent, pool.namespace),
    );
    return {
      ...(pool.kind.hasControllerName ? { controllerName } : {}),
      parentRef: { ...GATEWAY, ...parent },
      conditions: conditionsOf(pool, verdict, before?.conditions ?? [], now()),
    };
  });
  if (own.length === 0) return others;
  return [...others.filter(({ parentRef }) => parentRef.kind !== PLACEHOLDER_KIND), ...own];
}

function isOf({ parentRef }: ParentStatus, parent: Parent, namespace: string): boolean {
  const { group = GATEWAY.group, kind = GATEWAY.kind } = parentRef;
  const isGateway = group === GATEWAY.group && kind === GATEWAY.kind;
  const place = parentRef.namespace ?? namespace;
  return isGateway && parentRef.name === parent.name && place === parent.namespace;
}

function conditionsOf(
  pool: InferencePool,
  { isAccepted, message }: Verdict,
  before: Condition[],
  now: string,
): Condition[] {
  const accepted = isAccepted ? "Accepted" : "NotSupportedByParent";
  const resolved = "No endpoint picker is needed: endpoints are picked inside the gateway.";
  return [
    { type: "Accepted", status: isAccepted ? "True" : "False", reason: accepted, message },
    { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: resolved },
  ].map((condition) => {
    const same = before.find(
      ({ type, status }) => type === condition.type && status === condition.status,
    );
    const lastTransitionTime = same?.lastTransitionTime ?? now;
    return { ...condition, lastTransitionTime, observedGeneration: pool.generation };
  });
}

function pathOf(pool: InferencePool): string {
  return `${poolsPath(pool.kind, pool.namespace)}/${pool.name}`;
}
