// All objects of one kind in one namespace, as they are at this moment: listed once, then watched.
//
//   list ──▶ watch ──▶ the server ends it after a while ──▶ watch, from the last version heard
//    ▲         │ 410 Gone: the server has forgotten what came after that version
//    └─────────┴ anything else (refused, silent, forbidden, 404 before the CRD is installed): again,
//                after a pause that grows; what was heard last stays true meanwhile
import { setTimeout as wait } from "node:timers/promises";
import { HintwayError } from "../../errors.ts";
import type { ApiServer, KubernetesObject, Query } from "./api-server.ts";

export interface WatchTimes {
  /** The server is asked to end a watch after this long: its silence beyond is a dead connection. */
  timeoutMs: number;
  graceMs: number;
  /** Pauses after a failure, the first and the longest. */
  pauseMs: number;
  pauseMsMax: number;
  /** Between two looks for a kind that is not installed. */
  absentPauseMs: number;
}

export const WATCH_TIMES: WatchTimes = {
  ...{ timeoutMs: 30_000, graceMs: 5_000 },
  ...{ pauseMs: 100, pauseMsMax: 5_000, absentPauseMs: 5_000 },
};

export interface WatchedKind<T> {
  /** Such as `/api/v1/namespaces/default/pods`. */
  path: string;
  query?: Query;
  /** Keeps of an object what is used: Pods are large, and many. Null leaves it out. */
  read(object: KubernetesObject): T | null;
  /** Where reading it was never allowed there are none: a role may be older than what asks for it. */
  isOptional?: boolean;
}

export interface WatchListener {
  /** The objects are others, or have been listed for the first time. */
  changed(): void;
  /** Told once for each different failure in a row. */
  failed(path: string, error: HintwayError): void;
  /** After a failure: listed, or watched, again. */
  recovered(path: string): void;
}

export class WatchedObjects<T> {
  /** By name. */
  readonly objects = new Map<string, T>();
  readonly #api: ApiServer;
  readonly #kind: WatchedKind<T>;
  readonly #listener: WatchListener;
  readonly #times: WatchTimes;
  readonly #random: () => number;
  readonly #stopped = new AbortController();
  /** What the server was at when it was heard last; null before the first list. */
  #version: string | null = null;
  #isKnown = false;
  #isInstalled = false;
  #failure = "";
  #pauseMs: number;

  /** `random` answers numbers from 0 to below 1. */
  constructor(
    api: ApiServer,
    kind: WatchedKind<T>,
    listener: WatchListener,
    options: { times: WatchTimes; random: () => number },
  ) {
    this.#api = api;
    this.#kind = kind;
    this.#listener = listener;
    this.#times = options.times;
    this.#random = options.random;
    this.#pauseMs = options.times.pauseMs;
  }

  /** Whether the objects are all there are: they were listed, or there is no way to have any. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Whether the kind is installed, as far as is known. */
  get isInstalled(): boolean {
    return this.#isInstalled;
  }

  /** Resolves after `stop`. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      let pauseMs = 0;
      try {
        if (this.#version === null) await this.#list();
        pauseMs = (await this.#follow()) ? 0 : this.#times.pauseMs;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof HintwayError)) throw error;
        pauseMs = this.#pauseAfter(error);
      }
      await wait(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #list(): Promise<void> {
    const { path, query = {} } = this.#kind;
    const { version, items } = await this.#api.list(path, query);
    this.objects.clear();
    for (const item of items) this.#keep(item);
    this.#version = version;
    this.#isInstalled = true;
    this.#worked();
    this.#isKnown = true;
    this.#listener.changed();
  }

  /** Takes one watch to its end. Answers whether it was of use: an empty one at once is not. */
  async #follow(): Promise<boolean> {
    const { path, query = {} } = this.#kind;
    const { timeoutMs, graceMs } = this.#times;
    const { signal } = this.#stopped;
    const beganMs = performance.now();
    const jittered = timeoutMs * (1 - this.#random() / 4);
    const limits = { timeoutMs: jittered, graceMs, signal };
    let isOfUse = false;
    for await (const { type, object } of this.#api.watch(path, query, this.#version!, limits)) {
      isOfUse = true;
      this.#version = object.metadata.resourceVersion ?? this.#version;
      this.#worked();
      if (type === "BOOKMARK") continue;
      if (type === "DELETED") this.objects.delete(object.metadata.name);
      else this.#keep(object);
      this.#listener.changed();
    }
    if (isOfUse || performance.now() - beganMs > this.#times.pauseMsMax) this.#worked();
    return isOfUse || performance.now() - beganMs > this.#times.pauseMs;
  }

  #keep(object: KubernetesObject): void {
    const read = this.#kind.read(object);
    if (read === null) this.objects.delete(object.metadata.name);
    else this.objects.set(object.metadata.name, read);
  }

  #pauseAfter(error: HintwayError): number {
    // Nothing is wrong: the list is fresh at once.
    if (error.code === "KUBERNETES_GONE" && this.#version !== null) {
      this.#version = null;
      return 0;
    }
    if (error.code === "KUBERNETES_NOT_FOUND") return this.#takeAbsence();
    // Whatever the server says of that version (it may have been restored from a backup), a list helps.
    if (error.code !== "KUBERNETES_UNREACHABLE") this.#version = null;
    if (error.message !== this.#failure) this.#listener.failed(this.#kind.path, error);
    this.#failure = error.message;
    if (error.code === "KUBERNETES_FORBIDDEN") this.#takeRefusal();
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, this.#times.pauseMsMax);
    return pauseMs * (0.5 + this.#random() / 2);
  }

  /** The kind is not installed, or is no more: there are no objects of it. */
  #takeAbsence(): number {
    const isNews = !this.#isKnown || this.objects.size > 0;
    this.objects.clear();
    this.#version = null;
    this.#isInstalled = false;
    this.#worked();
    this.#isKnown = true;
    if (isNews) this.#listener.changed();
    return this.#times.absentPauseMs * (0.75 + this.#random() / 4);
  }

  #takeRefusal(): void {
    if (this.#isKnown || !this.#kind.isOptional) return;
    this.#isKnown = true;
    this.#listener.changed();
  }

  #worked(): void {
    this.#pauseMs = this.#times.pauseMs;
    if (this.#failure !== "") this.#listener.recovered(this.#kind.path);
    this.#failure = "";
  }
}
