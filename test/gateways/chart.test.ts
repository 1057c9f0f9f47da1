import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copies, missing } from "../support/gateways/assets.ts";
import { type KubernetesObject, lint, NAMESPACE, template } from "../support/gateways/helm.ts";
import { Objects, objectsIn } from "../support/gateways/objects.ts";
import { type ApiServer, startApiServer } from "../support/kubernetes/api-server.ts";
import { findAssets, type KubernetesAssets } from "../support/kubernetes/assets.ts";
import { POOLS_CRD } from "../support/kubernetes/cluster.ts";

const isWhole = process.env["TEST_GATEWAYS"] === "whole";
const absent = missing();
if (isWhole && absent) throw new Error(absent);

/** Values of each way to attach a gateway. */
const WAYS = [
  ["gateway.mode=standalone"],
  ["gateway.mode=istio"],
  ["gateway.mode=istio", "gateway.attachment=buffer"],
  ["gateway.mode=istio", "gateway.attachment=buffer", "filter.url=oci://registry.example/filter:1"],
  ["gateway.mode=envoy-gateway"],
  ["gateway.mode=envoy-gateway", "gateway.attachment=buffer"],
  ["gateway.mode=envoy-gateway", "filter.url=oci://registry.example/filter:1"],
  ["gateway.mode=none"],
].map((values) => ({ values }));
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
  let objects: Objects;

  beforeAll(async () => {
    const { binaries, crds } = clusterAssets();
    api = await startApiServer(binaries);
    objects = new Objects(api);
    await objects.installCrds([join(crds, POOLS_CRD), ...copies()], (kind) => USED.includes(kind));
    await objects.createNamespace(NAMESPACE);
  });

  afterAll(() => api?.stop());

  /** What the API server would have made of it; throws what it has against it. */
  function dryRun(object: KubernetesObject): Promise<unknown> {
    return objects.create(object, NAMESPACE, "?dryRun=All&fieldValidation=Strict");
  }

  it.each(WAYS)("is linted without a word against it, with $values", ({ values }) => {
    const { isDone, said } = lint([...values, ...EVERYTHING]);
    expect(said).toContain("0 chart(s) failed");
    expect(isDone).toBe(true);
  });

  it.each(WAYS)(
    "makes only objects that an API server accepts, with $values",
    async ({ values }) => {
      const made = template([...values, ...EVERYTHING]);
      if (typeof made === "string") throw new Error(made);
      expect(made.length).toBeGreaterThan(10);
      const refusals: string[] = [];
      for (const object of made) {
        await dryRun(object).catch((error: Error) => {
          refusals.push(`${object.kind} ${object.metadata.name}: ${error.message}`);
        });
      }
      expect(refusals).toEqual([]);
    },
  );

  it("would be caught with a field that its kind does not have", async () => {
    const made = template(["gateway.mode=istio", ...EVERYTHING]) as KubernetesObject[];
    const filter = made.find(({ kind }) => kind === "EnvoyFilter");
    await expect(dryRun({ ...filter, spec: { ...filter.spec, nonsense: 1 } })).rejects.toThrow(
      "nonsense",
    );
  });

  it("makes nothing of a gateway's that is not chosen", () => {
    const kinds = (mode: string) => {
      const made = template([`gateway.mode=${mode}`, ...EVERYTHING]) as KubernetesObject[];
      return new Set(made.map(({ kind }) => kind));
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
    const buffer = [...ATTACHED, "gateway.mode=envoy-gateway", "gateway.attachment=buffer"];
    expect(template(buffer)).toContain("httpRoute.create");
  });

  it("gives the control plane the role that its tests run with, and no more", () => {
    const made = template(EVERYTHING) as KubernetesObject[];
    const role = made.find(({ kind }) => kind === "Role");
    const file = new URL("../../deploy/chart/files/role.yaml", import.meta.url);
    const configMap = made.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name.endsWith("-config"),
    );
    const rules = JSON.stringify(objectsIn(file.pathname)[0]);
    expect(role.rules).toEqual(JSON.parse(rules.replace("CONFIG_MAP", configMap.metadata.name)));
    expect(made.filter(({ kind }) => kind.startsWith("ClusterRole"))).toEqual([]);
  });
});

/** Kinds of others that the chart makes. */
const USED = [
  ...["InferencePool", "HTTPRoute", "EnvoyFilter", "EnvoyExtensionPolicy", "EnvoyPatchPolicy"],
  ...["BackendTrafficPolicy", "ClientTrafficPolicy", "WasmPlugin"],
  ...["ServiceMonitor", "PodMonitor", "PrometheusRule"],
];

function clusterAssets(): KubernetesAssets {
  const assets = findAssets();
  if ("missing" in assets) throw new Error(assets.missing);
  return assets;
}
