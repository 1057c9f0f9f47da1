// A cluster as far as an API server alone is one: the real CRDs, namespaces, pools, Pods whose status
// is patched as a kubelet would, and ServiceAccounts with the chart's role.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { projectPath } from "../../../start/project.ts";
import { temporaryFolder } from "../components.ts";
import { until } from "../until.ts";
import { type Answer, type ApiServer, startApiServer, writeKubeconfig } from "./api-server.ts";
import type { KubernetesAssets } from "./assets.ts";

const POOL_GROUP = "inference.networking.k8s.io";
export const OLD_POOL_GROUP = "inference.networking.x-k8s.io";

export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

/** What the tests call theirs. */
export const CONFIG_MAP = "hintway";

/** The chart's own. */
export const ROLE: Rule[] = parse(
  readFileSync(projectPath("deploy", "chart", "files", "role.yaml"), "utf8").replace(
    "CONFIG_MAP",
    CONFIG_MAP,
  ),
);

const CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** Resources are served a moment after their CRD is there. */
const ESTABLISH_TIMEOUT_MS = 30_000;

export class Cluster {
  readonly api: ApiServer;
  readonly #crds: string;
  /** Of tokens and kubeconfigs. */
  readonly #folder = temporaryFolder();
  #namespaces = 0;

  private constructor(api: ApiServer, crds: string) {
    this.api = api;
    this.#crds = crds;
  }

  /** Starts one with every CRD, or with those whose file names are given. */
  static async start({ binaries, crds }: KubernetesAssets, files = ALL): Promise<Cluster> {
    const cluster = new Cluster(await startApiServer(binaries), crds);
    for (const file of files) await cluster.install(file);
    await until("the default namespace", () =>
      cluster.api.send("GET", "/api/v1/namespaces/default").catch(() => null),
    );
    return cluster;
  }

  /**
   * Installs a CRD, under another group where one is given, unless it is there, and waits until it is
   * served. llm-d has taken kinds of the older group over as they were, and publishes them in no module.
   */
  async install(file: CrdFile, group?: string): Promise<void> {
    const text = readFileSync(join(this.#crds, file), "utf8");
    const crd = parse(group === undefined ? text : text.replaceAll(OLD_POOL_GROUP, group));
    const there = await this.api.send("GET", `${CRD_PATH}/${crd.metadata.name}`).catch(() => null);
    if (there === null) await this.api.send("POST", CRD_PATH, crd);
    const { names, versions } = crd.spec;
    const path = `/apis/${crd.spec.group}/${versions[0].name}/namespaces/default/${names.plural}`;
    await until(
      `${crd.metadata.name} to be served`,
      () => this.api.send("GET", path).catch(() => null),
      ESTABLISH_TIMEOUT_MS,
    );
  }

  /** Whether the server still accepts the token. */
  async accepts(token: string): Promise<boolean> {
    const path = "/apis/authentication.k8s.io/v1/tokenreviews";
    const { status } = await this.api.send("POST", path, { spec: { token } });
    return status.authenticated === true;
  }

  /** A namespace of its own keeps a test out of the others' way. */
  async namespace(): Promise<Namespace> {
    const name = `test-${++this.#namespaces}`;
    await this.api.send("POST", "/api/v1/namespaces", { metadata: { name } });
    return new Namespace(this.api, name, this.#folder);
  }

  stop(): Promise<void> {
    return this.api.stop();
  }
}

export const POOLS_CRD = `${POOL_GROUP}_inferencepools.yaml` as const;
export const OLD_POOLS_CRD = `${OLD_POOL_GROUP}_inferencepools.yaml` as const;
export const OBJECTIVES_CRD = `${OLD_POOL_GROUP}_inferenceobjectives.yaml` as const;
export const REWRITES_CRD = `${OLD_POOL_GROUP}_inferencemodelrewrites.yaml` as const;
export const REWRITES_GROUP = "llm-d.ai";
export type CrdFile =
  | typeof POOLS_CRD
  | typeof OLD_POOLS_CRD
  | typeof OBJECTIVES_CRD
  | typeof REWRITES_CRD;
const ALL: CrdFile[] = [POOLS_CRD, OLD_POOLS_CRD];

export interface PodOptions {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  isReady?: boolean;
}

export class Namespace {
  readonly api: ApiServer;
  readonly name: string;
  readonly #folder: string;

  constructor(api: ApiServer, name: string, folder: string) {
    this.api = api;
    this.name = name;
    this.#folder = folder;
  }

  poolPath(name = "", group = POOL_GROUP): string {
    const version = group === POOL_GROUP ? "v1" : "v1alpha2";
    const path = `/apis/${group}/${version}/namespaces/${this.name}/inferencepools`;
    return name === "" ? path : `${path}/${name}`;
  }

  rewritePath(name = "", group = OLD_POOL_GROUP): string {
    const path = `/apis/${group}/v1alpha2/namespaces/${this.name}/inferencemodelrewrites`;
    return name === "" ? path : `${path}/${name}`;
  }

  createRewrite(name: string, pool: string, rules: object[], group = OLD_POOL_GROUP) {
    return this.api.send("POST", this.rewritePath("", group), {
      ...{ apiVersion: `${group}/v1alpha2`, kind: "InferenceModelRewrite", metadata: { name } },
      spec: { poolRef: { name: pool }, rules },
    });
  }

  podPath(name = ""): string {
    const path = `/api/v1/namespaces/${this.name}/pods`;
    return name === "" ? path : `${path}/${name}`;
  }

  createPool(name: string, ports: number[], labels = { app: name }): Promise<Answer> {
    return this.api.send("POST", this.poolPath(), {
      ...{ apiVersion: `${POOL_GROUP}/v1`, kind: "InferencePool", metadata: { name } },
      spec: {
        selector: { matchLabels: labels },
        targetPorts: ports.map((number) => ({ number })),
      },
    });
  }

  createOldPool(name: string, targetPortNumber: number, selector = { app: name }) {
    return this.api.send("POST", this.poolPath("", OLD_POOL_GROUP), {
      ...{ apiVersion: `${OLD_POOL_GROUP}/v1alpha2`, kind: "InferencePool", metadata: { name } },
      spec: { selector, targetPortNumber, extensionRef: { name: "picker" } },
    });
  }

  /** Creates an InferenceObjective of the group, or gives the one there is this priority. */
  async setObjective(group: string, name: string, pool: string, priority?: number): Promise<void> {
    const path = `/apis/${group}/v1alpha2/namespaces/${this.name}/inferenceobjectives`;
    const spec = { poolRef: { name: pool }, ...(priority !== undefined && { priority }) };
    const kind = { apiVersion: `${group}/v1alpha2`, kind: "InferenceObjective" };
    const create = () => this.api.send("POST", path, { ...kind, metadata: { name }, spec });
    await this.api.send("PATCH", `${path}/${name}`, { spec }).catch(create);
  }

  removeObjective(group: string, name: string): Promise<Answer> {
    const path = `/apis/${group}/v1alpha2/namespaces/${this.name}/inferenceobjectives`;
    return this.api.send("DELETE", `${path}/${name}`);
  }

  /** Creates the ConfigMap, or gives it exactly these keys. */
  async setConfigMap(name: string, data: Record<string, string>): Promise<void> {
    const path = `/api/v1/namespaces/${this.name}/configmaps`;
    const object = { metadata: { name }, data };
    const create = () => this.api.send("POST", path, object);
    await this.api.send("PUT", `${path}/${name}`, object).catch(create);
  }

  /** What was told of the object, as `type reason message`. */
  async events(object: string): Promise<string[]> {
    const query = `fieldSelector=involvedObject.name=${object}`;
    const { items } = await this.api.send("GET", `/api/v1/namespaces/${this.name}/events?${query}`);
    return items.map(({ type, reason, message }: Answer) => `${type} ${reason} ${message}`);
  }

  /** A Pod that runs at the address; on a node, so that it terminates before it is gone. */
  async createPod(name: string, address: string, options: PodOptions = {}): Promise<void> {
    const { labels = {}, annotations = {}, isReady = true } = options;
    await this.api.send("POST", this.podPath(), {
      metadata: { name, labels, annotations },
      spec: { nodeName: "node", containers: [{ name: "server", image: "none" }] },
    });
    await this.setStatus(name, address, isReady);
  }

  setStatus(name: string, address: string, isReady: boolean): Promise<Answer> {
    const condition = { type: "Ready", status: isReady ? "True" : "False" };
    return this.api.send("PATCH", `${this.podPath(name)}/status`, {
      status: {
        ...{ phase: "Running", podIP: address, podIPs: [{ ip: address }] },
        conditions: [condition],
      },
    });
  }

  /** The Pod terminates: it stays, and goes on serving what it has. */
  terminatePod(name: string): Promise<Answer> {
    return this.api.send("DELETE", `${this.podPath(name)}?gracePeriodSeconds=30`);
  }

  /** The Pod is gone, as when its kubelet says that its containers have ended. */
  removePod(name: string): Promise<Answer> {
    return this.api.send("DELETE", `${this.podPath(name)}?gracePeriodSeconds=0`);
  }

  /**
   * A ServiceAccount with these rules in the namespace, the chart's by default. Its token is in a file,
   * as in a Pod, and its kubeconfig names that file.
   */
  async serviceAccount(rules: Rule[] = ROLE, port = this.api.port): Promise<ServiceAccount> {
    const account = new ServiceAccount(this, join(this.#folder, this.name), port);
    await account.create();
    await account.grant(rules);
    await account.renewToken();
    return account;
  }
}

export class ServiceAccount {
  readonly kubeconfig: string;
  /** The one in force. */
  token = "";
  readonly #namespace: Namespace;
  readonly #tokenFile: string;
  #secrets = 0;

  /** `path` begins the names of its files. */
  constructor(namespace: Namespace, path: string, port: number) {
    this.#namespace = namespace;
    this.#tokenFile = `${path}.token`;
    const provider = { name: "tokenFile", config: { tokenFile: this.#tokenFile } };
    const user = { "auth-provider": provider };
    this.kubeconfig = writeKubeconfig(`${path}.kubeconfig`, port, user, namespace.name);
  }

  async create(): Promise<void> {
    const metadata = { name: "hintway" };
    await this.#send("POST", `${this.#core}/serviceaccounts`, { metadata });
    await this.#send("POST", `${this.#access}/rolebindings`, {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "hintway" },
      subjects: [{ kind: "ServiceAccount", name: "hintway", namespace: this.#namespace.name }],
    });
    await this.#send("POST", `${this.#access}/roles`, { metadata, rules: [] });
  }

  async grant(rules: Rule[]): Promise<void> {
    await this.#send("PATCH", `${this.#access}/roles/hintway`, { rules });
  }

  /** Writes another token; the one before is worth nothing from then on, as one that has expired. */
  async renewToken(): Promise<void> {
    const secrets = `${this.#core}/secrets`;
    const before = `token-${this.#secrets}`;
    const name = `token-${++this.#secrets}`;
    const { metadata } = await this.#send("POST", secrets, { metadata: { name } });
    const boundObjectRef = { kind: "Secret", apiVersion: "v1", name, uid: metadata.uid };
    const path = `${this.#core}/serviceaccounts/hintway/token`;
    const answer = await this.#send("POST", path, { spec: { boundObjectRef } });
    this.token = answer.status.token;
    writeFileSync(this.#tokenFile, this.token, { mode: 0o600 });
    if (this.#secrets > 1) await this.#send("DELETE", `${secrets}/${before}`);
  }

  get #core(): string {
    return `/api/v1/namespaces/${this.#namespace.name}`;
  }

  get #access(): string {
    return `/apis/rbac.authorization.k8s.io/v1/namespaces/${this.#namespace.name}`;
  }

  #send(method: "POST" | "PATCH" | "DELETE", path: string, object?: object): Promise<Answer> {
    return this.#namespace.api.send(method, path, object);
  }
}
