// Objects of any kind on an API server, at the paths that the server itself tells.

import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import type { Answer, ApiServer } from "../kubernetes/api-server.ts";
import { until } from "../until.ts";
import type { KubernetesObject } from "./helm.ts";

const CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** Many at a time take a while on a machine that is busy. */
const ESTABLISH_TIMEOUT_MS = 90_000;

export class Objects {
  readonly #api: ApiServer;
  /** By API version and kind, the resource's plural and whether it is in namespaces. */
  readonly #resources = new Map<string, Promise<Answer[]>>();

  constructor(api: ApiServer) {
    this.#api = api;
  }

  /** Installs the CRDs in the files whose kinds `isUsed`, and waits until they are served. */
  async installCrds(
    files: string[],
    isUsed: (kind: string) => boolean = () => true,
  ): Promise<void> {
    const crds = files
      .flatMap(objectsIn)
      .filter((crd) => crd?.kind === "CustomResourceDefinition" && isUsed(crd.spec.names.kind));
    await Promise.all(crds.map((crd) => this.#api.send("POST", CRD_PATH, crd)));
    await Promise.all(crds.map(({ metadata }) => this.#established(metadata.name)));
  }

  async createNamespace(name: string): Promise<void> {
    await until("the default namespace", () =>
      this.#api.send("GET", "/api/v1/namespaces/default").catch(() => null),
    );
    await this.#api.send("POST", "/api/v1/namespaces", { metadata: { name } });
  }

  /** Throws what the server has against the object. `query` may make it a dry run. */
  async create(object: KubernetesObject, namespace: string, query = ""): Promise<Answer> {
    const path = await this.#pathOf(object, namespace);
    return this.#api.send("POST", `${path}${query}`, object);
  }

  /** Creates it, or makes it what is said here, as an upgrade of the release does. */
  async apply(object: KubernetesObject, namespace: string): Promise<Answer> {
    const path = `${await this.#pathOf(object, namespace)}/${object.metadata.name}`;
    return this.#api.send("PATCH", `${path}?fieldManager=helm&force=true`, object);
  }

  async delete(apiVersion: string, kind: string, name: string, namespace: string): Promise<void> {
    const path = await this.#pathOf({ apiVersion, kind }, namespace);
    await this.#api.send("DELETE", `${path}/${name}`);
  }

  /** What is there, by the server's word. */
  async list(apiVersion: string, kind: string, namespace: string): Promise<Answer[]> {
    const path = await this.#pathOf({ apiVersion, kind }, namespace);
    return (await this.#api.send("GET", path)).items;
  }

  async #pathOf({ apiVersion, kind }: KubernetesObject, namespace: string): Promise<string> {
    const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const known = this.#resources.get(root) ?? this.#resourcesOf(root);
    this.#resources.set(root, known);
    const found = (await known).find((resource) => resource.kind === kind);
    if (!found) throw new Error(`the API server has no ${kind} of ${apiVersion}`);
    return found.namespaced
      ? `${root}/namespaces/${namespace}/${found.name}`
      : `${root}/${found.name}`;
  }

  /** Subresources, as `pods/status`, have the kind of their resource. */
  async #resourcesOf(root: string): Promise<Answer[]> {
    const { resources } = await this.#api.send("GET", root);
    return resources.filter(({ name }: Answer) => !name.includes("/"));
  }

  async #established(name: string): Promise<void> {
    await until(
      `${name} to be served`,
      async () => {
        const { status, spec } = await this.#api.send("GET", `${CRD_PATH}/${name}`);
        const isEstablished = status?.conditions?.some(
          ({ type, status: value }: Answer) => type === "Established" && value === "True",
        );
        if (!isEstablished) return null;
        const path = `/apis/${spec.group}/${spec.versions[0].name}`;
        return this.#api.send("GET", path).catch(() => null);
      },
      ESTABLISH_TIMEOUT_MS,
    );
  }
}

export function objectsIn(path: string): KubernetesObject[] {
  return parseAllDocuments(readFileSync(path, "utf8")).map((document) => document.toJS());
}
