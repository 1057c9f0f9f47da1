import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { copies, missing } from "../support/gateways/assets.ts";
import { type KubernetesObject, lint, NAMESPACE, template } from "../support/gateways/helm.ts";
import { type ApiServer, startApiServer } from "../support/kubernetes/api-server.ts";
import { findAssets, type KubernetesAssets } from "../support/kubernetes/assets.ts";
import { POOLS_CRD } from "../support/kubernetes/cluster.ts";
import { until } from "../support/until.ts";

const isWhole = process.env["TEST_GATEWAYS"] === "whole";
const absent = missing();
if (isWhole && absent) throw new Error(absent);

const MODES = ["standalone", "istio", "envoy-gateway", "none"] as const;
const SHA256 = "0123456789abcdef".repeat(4);
const ATTACHED = ["token.inline=secret-token", `filter.sha256=${SHA256}`];
const EVERYTHING = [
  ...ATTACHED,
  ...["inferencePool.create=true", "httpRoute.create=true", "networkPolicy.create=true"],
  ...["modelServers.create=true", "pools={pool,other}"],
  ...["monitoring.serviceMonitor=true", "monitoring.rules=true", "monitoring.dashboard=true"],
  "networkPolicy.gatewayLabels.app=gateway",
  ...["controlPlane.replicas=2", "controlPlane.state.existingSecret=state"],
  "controlPlane.state.caSecret=state-ca",
];

describe.skipIf(absent)(`the chart${absent ? ` (skipped: ${absent})` : ""}`, () => {
  let api: ApiServer;

  beforeAll(async () => {
    const { binaries, crds } = clusterAssets();
    api = await startApiServer(binaries);
    for (const crd of [join(crds, POOLS_CRD), ...copies()].flatMap(objectsIn)) await install(crd);
    await until("the default namespace", () =>
      api.send("GET", "/api/v1/namespaces/default").catch(() => null),
    );
    await api.send("POST", "/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  });

  afterAll(() => api?.stop());

  async function install(crd: KubernetesObject): Promise<void> {
    if (crd?.kind !== "CustomResourceDefinition" || !USED.includes(crd.spec.names.kind)) return;
    await api.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd);
    await until(`${crd.metadata.name} to be served`, () =>
      api
        .send("GET", pathOf(crd.spec.group, crd.spec.versions[0].name, crd.spec.names.plural))
        .catch(() => null),
    );
  }

  /** What the API server would have made of it; throws what it has against it. */
  async function dryRun(object: KubernetesObject): Promise<void> {
    const [group, version] = groupOf(object.apiVersion);
    const path = pathOf(group, version, PLURALS[object.kind] ?? `${object.kind.toLowerCase()}s`);
    await api.send("POST", `${path}?dryRun=All&fieldValidation=Strict`, object);
  }

  it.each(MODES)("is linted without a word against it, in mode %s", (mode) => {
    const { isDone, said } = lint([`gateway.mode=${mode}`, ...EVERYTHING]);
    expect(said).toContain("0 chart(s) failed");
    expect(isDone).toBe(true);
  });

  it.each(MODES)("makes only objects that a real API server accepts, in mode %s", async (mode) => {
    const objects = template([`gateway.mode=${mode}`, ...EVERYTHING]);
    if (typeof objects === "string") throw new Error(objects);
    expect(objects.length).toBeGreaterThan(10);
    const refusals: string[] = [];
    for (const object of objects) {
      await dryRun(object).catch((error: Error) => {
        refusals.push(`${object.kind} ${object.metadata.name}: ${error.message}`);
      });
    }
    expect(refusals).toEqual([]);
  });

  it("would be caught with a field that its kind does not have", async () => {
    const objects = template(["gateway.mode=istio", ...EVERYTHING]) as KubernetesObject[];
    const filter = objects.find(({ kind }) => kind === "EnvoyFilter");
    await expect(dryRun({ ...filter, spec: { ...filter.spec, nonsense: 1 } })).rejects.toThrow(
      "nonsense",
    );
  });

  it("makes nothing of a gateway's that is not chosen", () => {
    const kinds = (mode: string) => {
      const objects = template([`gateway.mode=${mode}`, ...EVERYTHING]) as KubernetesObject[];
      return new Set(objects.map(({ kind }) => kind));
    };
    expect(kinds("standalone")).not.toContain("EnvoyFilter");
    expect(kinds("istio")).not.toContain("EnvoyPatchPolicy");
    expect(kinds("envoy-gateway")).not.toContain("EnvoyFilter");
    expect(kinds("none")).not.toContain("HTTPRoute");
  });

  it("refuses a value that it does not know, or that has no sound value, by its name", () => {
    expect(template(["gateway.nonsense=1"])).toContain("nonsense");
    expect(template(["gateway.mode=nginx"])).toMatch(/gateway.*mode/s);
    expect(template(["controlPlane.replicas=2"])).toContain("controlPlane.state.url");
  });

  it("says what an attachment lacks", () => {
    expect(template(["gateway.mode=istio", "token.inline=x"])).toContain("filter.sha256");
    expect(template(["gateway.mode=envoy-gateway"])).toContain("token.inline");
    const closed = [...ATTACHED, "gateway.mode=istio", "networkPolicy.create=true"];
    expect(template(closed)).toContain("networkPolicy.gatewayLabels");
  });

  it("gives the control plane the role that its tests run with, and no more", () => {
    const objects = template(EVERYTHING) as KubernetesObject[];
    const role = objects.find(({ kind }) => kind === "Role");
    const file = new URL("../../deploy/chart/files/role.yaml", import.meta.url);
    const configMap = objects.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name.endsWith("-config"),
    );
    const rules = JSON.stringify(objectsIn(file.pathname)[0]);
    expect(role.rules).toEqual(JSON.parse(rules.replace("CONFIG_MAP", configMap.metadata.name)));
    expect(objects.filter(({ kind }) => kind.startsWith("ClusterRole"))).toEqual([]);
  });
});

/** Kinds of others that the chart makes. */
const USED = [
  ...["InferencePool", "HTTPRoute", "EnvoyFilter", "EnvoyExtensionPolicy", "EnvoyPatchPolicy"],
  ...["BackendTrafficPolicy", "ClientTrafficPolicy"],
  ...["ServiceMonitor", "PodMonitor", "PrometheusRule"],
];

const PLURALS: Record<string, string> = {
  NetworkPolicy: "networkpolicies",
  EnvoyExtensionPolicy: "envoyextensionpolicies",
  EnvoyPatchPolicy: "envoypatchpolicies",
  BackendTrafficPolicy: "backendtrafficpolicies",
  ClientTrafficPolicy: "clienttrafficpolicies",
};

function groupOf(apiVersion: string): [string, string] {
  const [first, second] = apiVersion.split("/") as [string, string | undefined];
  return second === undefined ? ["", first] : [first, second];
}

function pathOf(group: string, version: string, plural: string): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${root}/namespaces/${NAMESPACE}/${plural}`;
}

function objectsIn(path: string): KubernetesObject[] {
  return parseAllDocuments(readFileSync(path, "utf8")).map((document) => document.toJS());
}

function clusterAssets(): KubernetesAssets {
  const assets = findAssets();
  if ("missing" in assets) throw new Error(assets.missing);
  return assets;
}
