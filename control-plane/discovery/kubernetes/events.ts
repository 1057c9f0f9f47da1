// Events on objects: what an operator reads with `kubectl describe`.
import type { HintwayError } from "../../errors.ts";
import type { ApiServer, KubernetesObject } from "./api-server.ts";

export type EventType = "Normal" | "Warning";

/** Why, in the CamelCase that Kubernetes wants. */
export type EventReason = "InForce" | "Refused";

const COMPONENT = "hintway";
/** The API server's own limit. */
const MESSAGE_CHARACTERS_MAX = 1024;

/** Whether what was written to the API server was taken. */
export interface WriteListener {
  failed(error: HintwayError): void;
  succeeded(): void;
}

export class Events {
  readonly #api: ApiServer;
  readonly #listener: WriteListener;
  #sending = Promise.resolve();

  /** An Event that could not be sent is not tried again: what it says is logged as well. */
  constructor(api: ApiServer, listener: WriteListener) {
    this.#api = api;
    this.#listener = listener;
  }

  /** `about` needs apiVersion, kind and metadata. Events are sent one after the other. */
  tell(about: KubernetesObject, type: EventType, reason: EventReason, message: string): void {
    const { name, namespace = "", uid } = about.metadata;
    const at = new Date().toISOString();
    const event = {
      ...{ type, reason, message: message.slice(0, MESSAGE_CHARACTERS_MAX), count: 1 },
      metadata: { generateName: `${name.slice(0, 200)}.`, namespace },
      involvedObject: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid },
      source: { component: COMPONENT },
      ...{ firstTimestamp: at, lastTimestamp: at },
    };
    this.#sending = this.#sending
      .then(() => this.#api.create(`/api/v1/namespaces/${namespace}/events`, event))
      .then(
        () => this.#listener.succeeded(),
        (error) => this.#listener.failed(error),
      );
  }

  /** Resolves when all that was told is sent. */
  async sent(): Promise<void> {
    await this.#sending;
  }
}
