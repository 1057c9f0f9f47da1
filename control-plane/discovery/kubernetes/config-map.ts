// The ConfigMap: an EndpointPickerConfig and Hintway's own settings, each under a key, each in force on
// its own as soon as it changes. What is wrong is refused and told by an Event; the last good stays.
import { configMapAbsent, configUnknownKey, HintwayError } from "../../errors.ts";
import type { ApiServer, KubernetesObject } from "./api-server.ts";
import type { Events } from "./events.ts";
import { WatchedObjects, type WatchListener, type WatchTimes } from "./watched-objects.ts";

/** What one key of the ConfigMap holds. */
export interface ConfigMapKey {
  /** Such as `settings.yaml`. */
  name: string;
  /** Puts the text in force, or what holds without one; throws what is wrong with it. */
  take(text: string | null): void;
  /** What `take` has thrown, and nothing was changed. */
  refused(error: HintwayError): void;
}

/** What was in force last, for a process that starts while the ConfigMap is wrong. */
export interface KeptTexts {
  read(name: string): Promise<string | undefined>;
  keep(name: string, text: string): void;
}

export interface ConfigMapOptions {
  namespace: string;
  name: string;
  keys: readonly ConfigMapKey[];
  kept: KeptTexts | undefined;
  times: WatchTimes;
  random(): number;
  /** The ConfigMap itself is absent, or has a key that is not known. */
  refused(error: HintwayError): void;
  /** Neither is so any more. */
  accepted(): void;
}

export class WatchedConfigMap {
  readonly #options: ConfigMapOptions;
  readonly #events: Events;
  readonly #watched: WatchedObjects<KubernetesObject>;
  /** By key, the text seen last. */
  readonly #seen = new Map<string, string | null>();
  #refusal = "";
  #taking = Promise.resolve();
  #running = Promise.resolve();

  constructor(
    api: ApiServer,
    events: Events,
    options: ConfigMapOptions,
    listener: Omit<WatchListener, "changed">,
  ) {
    const { namespace, name } = options;
    this.#options = options;
    this.#events = events;
    this.#watched = new WatchedObjects(
      api,
      {
        path: `/api/v1/namespaces/${namespace}/configmaps`,
        query: { fieldSelector: `metadata.name=${name}` },
        // A list names neither for its items.
        read: (object) => ({ ...object, apiVersion: "v1", kind: "ConfigMap" }),
      },
      { ...listener, changed: () => this.#changed() },
      options,
    );
  }

  start(): void {
    this.#running = this.#watched.run();
  }

  async stop(): Promise<void> {
    this.#watched.stop();
    await this.#running;
    await this.#taking;
  }

  #changed(): void {
    const { name, namespace } = this.#options;
    const object = this.#watched.objects.get(name);
    this.#taking = this.#taking.then(async () => {
      if (object === undefined) this.#refuse(configMapAbsent(namespace, name));
      else await this.#take(object);
    });
  }

  async #take(object: KubernetesObject): Promise<void> {
    const data: Record<string, string> = object["data"] ?? {};
    const { keys, accepted } = this.#options;
    const known = keys.map(({ name }) => name);
    const unknown = Object.keys(data).find((name) => !known.includes(name));
    if (unknown !== undefined) {
      this.#refuse(configUnknownKey(`ConfigMap ${object.metadata.name}`, unknown, known), object);
    } else if (this.#refusal !== "") {
      this.#refusal = "";
      accepted();
    }
    for (const key of keys) await this.#takeKey(object, key, data[key.name] ?? null);
  }

  #refuse(error: HintwayError, object?: KubernetesObject): void {
    if (this.#refusal === error.message) return;
    this.#refusal = error.message;
    if (object) this.#events.tell(object, "Warning", "Refused", error.message);
    this.#options.refused(error);
  }

  async #takeKey(object: KubernetesObject, key: ConfigMapKey, text: string | null): Promise<void> {
    const { kept } = this.#options;
    const isFirst = !this.#seen.has(key.name);
    if (this.#seen.get(key.name) === text) return;
    this.#seen.set(key.name, text);
    try {
      key.take(text);
      if (text !== null) kept?.keep(this.#keptAs(key), text);
      if (!isFirst) this.#events.tell(object, "Normal", "InForce", `${key.name} is in force.`);
    } catch (error) {
      if (!(error instanceof HintwayError)) throw error;
      if (isFirst) await this.#takeKept(key);
      this.#events.tell(object, "Warning", "Refused", error.message);
      key.refused(error);
    }
  }

  async #takeKept(key: ConfigMapKey): Promise<void> {
    const text = await this.#options.kept?.read(this.#keptAs(key));
    if (text === undefined) return;
    try {
      key.take(text);
    } catch (error) {
      // Kept by another version: what is wrong with the ConfigMap says more.
      if (!(error instanceof HintwayError)) throw error;
    }
  }

  #keptAs(key: ConfigMapKey): string {
    const { namespace, name } = this.#options;
    return `/configmaps/${namespace}/${name}/${key.name}`;
  }
}
