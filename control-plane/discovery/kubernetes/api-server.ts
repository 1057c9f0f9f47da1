// The API server, as far as it is used: lists, watches, and small writes. Configuration, credentials
// and TLS are client-node's. Its informer is not used: it stops for good on any answer but 410, a 404
// before a CRD is installed and a 401 for a token that was replaced among them.

import { HttpMethod, KubeConfig, RequestContext } from "@kubernetes/client-node";
import { type Dispatcher, request } from "undici";
import {
  apiServerRefused,
  apiServerUnreachable,
  HintwayError,
  kubeconfigInvalid,
} from "../../errors.ts";
import { lines } from "./lines.ts";

export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMetadata;
  // biome-ignore lint/suspicious/noExplicitAny: each kind's reader says what it expects.
  [field: string]: any;
}

interface ObjectMetadata {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface ObjectList {
  metadata: { resourceVersion: string; continue?: string };
  items: KubernetesObject[];
}

/** One line of a watch. An ERROR's object is a Status, which is thrown instead. */
export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  object: KubernetesObject;
}

export type Query = Record<string, string>;

const PAGE_OBJECTS = 500;
const HEADERS_TIMEOUT_MS = 10_000;
const BODY_TIMEOUT_MS = 30_000;

export class ApiServer {
  readonly #load: () => KubeConfig;
  #configuration: KubeConfig;

  /** Throws what is wrong with the configuration, which is loaded anew when it is refused. */
  constructor(load: () => KubeConfig) {
    this.#load = load;
    this.#configuration = load();
  }

  /** The namespace that this process runs in, or that its configuration names. */
  get namespace(): string {
    const { currentContext } = this.#configuration;
    return this.#configuration.getContextObject(currentContext)?.namespace?.trim() || "default";
  }

  /** Every object at the path, and the version at which that was all. */
  async list(path: string, query: Query): Promise<{ version: string; items: KubernetesObject[] }> {
    const items: KubernetesObject[] = [];
    let rest = "";
    while (true) {
      const page = { ...query, limit: String(PAGE_OBJECTS), ...(rest ? { continue: rest } : {}) };
      const list = await this.#ask<ObjectList>("GET", path, page);
      items.push(...list.items);
      rest = list.metadata.continue ?? "";
      if (rest === "") return { version: list.metadata.resourceVersion, items };
    }
  }

  /**
   * Yields what changes, until the server ends the watch, which it is asked to do after `timeoutMs`.
   * Throws KUBERNETES_GONE where the server no longer knows what came after that version, and
   * KUBERNETES_UNREACHABLE where it is silent for `graceMs` longer than it should be.
   */
  async *watch(
    path: string,
    query: Query,
    version: string,
    limits: { timeoutMs: number; graceMs: number; signal: AbortSignal },
  ): AsyncGenerator<WatchEvent> {
    const asked = {
      ...{ ...query, watch: "true", allowWatchBookmarks: "true", resourceVersion: version },
      timeoutSeconds: String(Math.ceil(limits.timeoutMs / 1000)),
    };
    const answer = await this.#send("GET", path, asked, {
      bodyTimeoutMs: limits.timeoutMs + limits.graceMs,
      signal: limits.signal,
    });
    try {
      for await (const line of lines(answer.body)) yield eventOf(path, line);
    } catch (cause) {
      throw asHintwayError(path, cause);
    } finally {
      answer.close();
    }
  }

  /** Creates the object. */
  async create(path: string, object: object): Promise<void> {
    await this.#ask("POST", path, {}, { content: "application/json", object });
  }

  /**
   * Applies the fields of the object as `fieldManager`'s. An object with a resource version is
   * refused with KUBERNETES_CONFLICT when it is another one by then.
   */
  async apply(path: string, fieldManager: string, object: object): Promise<void> {
    const query = { fieldManager, force: "true" };
    await this.#ask("PATCH", path, query, { content: "application/apply-patch+yaml", object });
  }

  async #ask<T>(method: Method, path: string, query: Query, body?: Body): Promise<T> {
    const answer = await this.#send(method, path, query, {
      bodyTimeoutMs: BODY_TIMEOUT_MS,
      ...(body ? { body } : {}),
    });
    try {
      return (await answer.body.json()) as T;
    } catch (cause) {
      throw asHintwayError(path, cause);
    } finally {
      answer.close();
    }
  }

  /** Every request has its own connection: none waits on one that died in silence. */
  async #send(method: Method, path: string, query: Query, options: SendOptions): Promise<Sent> {
    const { url, headers, dispatcher } = await this.#prepared(path, query);
    const close = () => void dispatcher?.destroy().catch(() => {});
    try {
      const answer = await request(url, {
        ...{ method, headersTimeout: HEADERS_TIMEOUT_MS, bodyTimeout: options.bodyTimeoutMs },
        headers: { ...headers, ...(options.body ? { "content-type": options.body.content } : {}) },
        body: options.body ? JSON.stringify(options.body.object) : null,
        signal: options.signal ?? null,
        ...(dispatcher ? { dispatcher } : {}),
      });
      if (answer.statusCode < 300) return { body: answer.body, close };
      // A token or a certificate that was replaced is read only when it is loaded anew.
      if (answer.statusCode === 401) this.#configuration = this.#load();
      throw apiServerRefused(method, path, answer.statusCode, reasonIn(await answer.body.text()));
    } catch (cause) {
      close();
      throw asHintwayError(path, cause);
    }
  }

  async #prepared(path: string, query: Query) {
    const server = this.#configuration.getCurrentCluster()?.server ?? "";
    const url = new URL(`${server.replace(/\/$/, "")}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const context = new RequestContext(url.href, HttpMethod.GET);
    await this.#configuration.applySecurityAuthentication(context);
    const dispatcher: Dispatcher | undefined = context.getDispatcher();
    return { url, headers: context.getHeaders(), dispatcher };
  }
}

type Method = "GET" | "POST" | "PATCH";

interface Body {
  content: string;
  object: object;
}

interface SendOptions {
  bodyTimeoutMs: number;
  signal?: AbortSignal;
  body?: Body;
}

interface Sent {
  body: Dispatcher.ResponseData["body"];
  close(): void;
}

/**
 * What the file says, or without one what kubectl would use: $KUBECONFIG, ~/.kube/config, or the
 * ServiceAccount of the Pod. Throws KUBECONFIG_INVALID.
 */
export function configurationFrom(file: string | undefined): KubeConfig {
  const configuration = new KubeConfig();
  try {
    if (file === undefined) configuration.loadFromDefault();
    else configuration.loadFromFile(file);
    refuseUnusable(configuration);
  } catch (cause) {
    throw kubeconfigInvalid(file, cause);
  }
  return configuration;
}

/** What client-node makes up where it finds neither a kubeconfig nor a ServiceAccount. */
const MADE_UP_SERVER = "http://localhost:8080";

function refuseUnusable(configuration: KubeConfig): void {
  const cluster = configuration.getCurrentCluster();
  if (!cluster) throw new Error("it names no cluster");
  if (cluster.server === MADE_UP_SERVER) throw new Error("there is none, and this is no Pod");
  // client-node refuses it too, but at each request, and as a defect.
  if (cluster.server.startsWith("http:") && !cluster.skipTLSVerify) {
    throw new Error(`its server ${cluster.server} is not https`);
  }
}

function eventOf(path: string, line: string): WatchEvent {
  const { type, object } = JSON.parse(line);
  if (type !== "ERROR") return { type, object };
  throw apiServerRefused("GET", path, object.code ?? 0, object.message ?? "");
}

function asHintwayError(path: string, cause: unknown): HintwayError {
  return cause instanceof HintwayError ? cause : apiServerUnreachable(path, cause);
}

/** A Status has a message; what is in front of an API server may answer anything. */
function reasonIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // No JSON: the text itself is the reason.
  }
  return text.slice(0, 200);
}
