// Events on objects: what an operator reads with `kubectl describe`.
import type { HintwayError } from "../../errors.ts";
import type { ApiServer, KubernetesObject } from "./api-server.ts";

export type EventType = "Normal" | "Warning";

/** Why, in the CamelCase that Kubernetes wants. */
export type EventReason = "InForce" | "Refused";

const COMPONENT = "hintway";
/** The API server's own limit. */
const MESSAGE_CHARACTERS_MAX = 1024;

export class Events {
  readonly #api: ApiServer;
  readonly #failed: (error: HintwayError) => void;
  #sending = Promise.resolve();

  /** `failed`: an Event could not be sent. It is not tried again: what it says is logged as well. */
  constructor(api: ApiServer, failed: (error: HintwayError) => void) {
    this.#api = api;
    this.#failed = failed;
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
      .catch((error) => this.#failed(error));
  }

  /** Resolves when all that was told is sent. */
  async sent(): Promise<void> {
    await this.#sending;
  }
}
