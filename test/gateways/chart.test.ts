import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { render } from "../../deploy/helm.ts";
import { copies, missing } from "../support/gateways/assets.ts";
import { type KubernetesObject, lint, NAMESPACE, template } from "../support/gateways/helm.ts";
import { Objects, objectsIn } from "../support/gateways/objects.ts";
import { objectOf } from "../support/gateways/plane.ts";
import { type ApiServer, startApiServer } from "../support/kubernetes/api-server.ts";
import { findAssets, type KubernetesAssets } from "../support/kubernetes/assets.ts";
import { POOLS_CRD, type Rule } from "../support/kubernetes/cluster.ts";

const absent = missing();

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
const SELECTOR = "inferencePool.selector.engine=vllm";
/** What an attachment needs. */
const ATTACHED = [
  ...["token.inline=secret-token", `filter.sha256=${SHA256}`, SELECTOR, "httpRoute.create=true"],
];
const EVERYTHING = [
  ...ATTACHED,
  ...["inferencePool.create=true", "httpRoute.create=true", "networkPolicy.create=true"],
  ...["modelServers.create=true", "pools={pool,other}"],
  ...["monitoring.serviceMonitor=true", "monitoring.rules=true", "monitoring.dashboard=true"],
  "networkPolicy.gatewayLabels.app=gateway",
  ...["controlPlane.replicas=2", "controlPlane.state.existingSecret=state"],
  "controlPlane.state.caSecret=state-ca",
];
const TLS = ["controlPlane.tls.secret=tls", "controlPlane.tls.ca=PEM"];
/** Besides what is made of each way with everything. */
const OTHERS = [
  [],
  ["modelServers.create=true", "modelServers.simulator=true", "inferencePool.create=true"],
  ["controlPlane.replicas=2", "controlPlane.state.url=rediss://valkey:6379"],
  ["inferencePool.create=true", SELECTOR, "inferencePool.targetPorts={8000,8001}"],
  ["controlPlane.tls.secret=tls", "monitoring.serviceMonitor=true"],
  [...ATTACHED, "gateway.mode=istio", ...TLS],
  [...ATTACHED, "gateway.mode=envoy-gateway", "filter.url=oci://registry.example/filter:1", ...TLS],
].map((values) => ({ values }));
/** Kinds that only a gateway's attachment has, by mode. */
const OWN_KINDS = {
  standalone: ["PodMonitor"],
  istio: ["EnvoyFilter", "HTTPRoute"],
  "envoy-gateway": [
    ...["EnvoyExtensionPolicy", "EnvoyPatchPolicy", "BackendTrafficPolicy"],
    ...["ClientTrafficPolicy", "HTTPRoute"],
  ],
  none: [],
};

describe.skipIf(absent)(`the chart${absent ? ` (skipped: ${absent})` : ""}`, () => {
  let api: ApiServer;
  let server: Objects;

  beforeAll(async () => {
    const { binaries, crds } = clusterAssets();
    api = await startApiServer(binaries);
    server = new Objects(api);
    await server.installCrds([join(crds, POOLS_CRD), ...copies()], (kind) => USED.includes(kind));
    await server.createNamespace(NAMESPACE);
  });

  afterAll(() => api?.stop());

  /** What the API server would have made of it; throws what it has against it. */
  function dryRun(object: KubernetesObject): Promise<unknown> {
    return server.create(object, NAMESPACE, "?dryRun=All&fieldValidation=Strict");
  }

  it.each(WAYS)("is linted without a word against it, with $values", ({ values }) => {
    const { isDone, said } = lint([...values, ...EVERYTHING]);
    expect(said).toContain("0 chart(s) failed");
    expect(isDone).toBe(true);
  });

  it.each([...WAYS.map(({ values }) => ({ values: [...values, ...EVERYTHING] })), ...OTHERS])(
    "makes only objects that an API server accepts, with $values",
    async ({ values }) => {
      const objects = made(values);
      expect(objects.length).toBeGreaterThan(6);
      const refusals: string[] = [];
      for (const object of objects) {
        await dryRun(object).catch((error: Error) => {
          refusals.push(`${object.kind} ${object.metadata.name}: ${error.message}`);
        });
      }
      expect(refusals).toEqual([]);
    },
  );

  it("is checked by a server that refuses a field which a kind does not have", async () => {
    const filter = objectsOf(made(["gateway.mode=istio", ...EVERYTHING]), "EnvoyFilter")[0];
    await expect(dryRun({ ...filter, spec: { ...filter.spec, nonsense: 1 } })).rejects.toThrow(
      "nonsense",
    );
  });

  it.each(Object.entries(OWN_KINDS))("in mode %s makes of a gateway's only %j", (mode, own) => {
    const kinds = new Set(made([`gateway.mode=${mode}`, ...EVERYTHING]).map(({ kind }) => kind));
    const common = made(["gateway.mode=none", ...EVERYTHING]).map(({ kind }) => kind);
    expect(kinds).toEqual(new Set([...common, ...own]));
  });

  it("selects Pods by the labels that are given, and by no others", () => {
    const values = [...ATTACHED, "gateway.mode=istio", "inferencePool.create=true"];
    const objects = made(values);
    const own = { engine: "vllm" };
    expect(objectOf(objects, "InferencePool", "pool").spec.selector.matchLabels).toEqual(own);
    expect(objectOf(objects, "Service", "hw-pool").spec.selector).toEqual(own);
    const none = values.filter((value) => value !== SELECTOR);
    expect(template(none)).toContain("inferencePool.selector: give the labels");
    expect(template(["inferencePool.create=true"])).toContain("modelServers.create=true");
  });

  it("has model servers listen where the pool looks for them", () => {
    const port = ["modelServers.create=true", "inferencePool.targetPorts={9000}"];
    for (const simulator of [true, false]) {
      const objects = made([...port, `modelServers.simulator=${simulator}`]);
      const { spec } = objectOf(objects, "Deployment", "hw-model-server").spec.template;
      expect(spec.containers[0].args).toContain("--port=9000");
      expect(spec.containers[0].ports).toEqual([{ name: "http", containerPort: 9000 }]);
    }
    const two = ["modelServers.create=true", "inferencePool.targetPorts={9000,9001}"];
    expect(template(two)).toContain("inferencePool.targetPorts: the model servers");
  });

  it("gives the route each port of the pool, and says where only the first could be picked", () => {
    const values = [...ATTACHED, "inferencePool.targetPorts={8000,8001}"];
    const objects = made([...values, "gateway.mode=envoy-gateway"]);
    const { ports } = objectOf(objects, "Service", "hw-pool").spec;
    expect(ports.map(({ targetPort }: KubernetesObject) => targetPort)).toEqual([8000, 8001]);
    const { backendRefs } = objectOf(objects, "HTTPRoute", "hw").spec.rules[0];
    const backends = ports.map(({ port }: KubernetesObject) => ({ name: "hw-pool", port }));
    expect(backendRefs).toEqual(backends);
    const istio = [...values, "gateway.mode=istio"];
    expect(template(istio)).toContain("inferencePool.targetPorts: Istio makes a cluster");
    made([...istio, "gateway.attachment=buffer"]);
  });

  it("lets in by its network policy the gateways, and who fetches the filter for them", () => {
    const values = [...ATTACHED, "networkPolicy.create=true", "networkPolicy.gatewayLabels.app=gw"];
    const from = (further: string[]) =>
      objectsOf(made([...values, ...further]), "NetworkPolicy")[0].spec.ingress[0].from;
    const gateways = { namespaceSelector: {}, podSelector: { matchLabels: { app: "gw" } } };
    const controller = {
      namespaceSelector: {
        matchLabels: { "kubernetes.io/metadata.name": "envoy-gateway-system" },
      },
    };
    expect(from(["gateway.mode=istio"])).toEqual([gateways]);
    expect(from(["gateway.mode=envoy-gateway"])).toEqual([gateways, controller]);
    const image = ["gateway.mode=envoy-gateway", "filter.url=oci://registry.example/filter:1"];
    expect(from(image)).toEqual([gateways]);
  });

  it("names no object of the longest release longer than a Service's name may be", () => {
    const release = "a".repeat(53);
    const { isDone, text } = render(release, [...EVERYTHING, "gateway.mode=istio"]);
    expect(isDone, text).toBe(true);
    const names = [...text.matchAll(/^ {2}name: (\S+)$/gm)].map(([, name]) => name ?? "");
    expect(names.filter((name) => name.endsWith("-control-plane-replicas"))).toHaveLength(1);
    expect(names.filter(({ length }) => length > 63)).toEqual([]);
  });

  it("writes the token into gateways' configuration as a text, whatever it looks like", () => {
    const values = ["gateway.mode=envoy-gateway", ...ATTACHED, "token.inline=~"];
    const { jsonPatches } = objectsOf(made(values), "EnvoyPatchPolicy")[0].spec;
    expect(JSON.stringify(jsonPatches)).toContain('"value":"Bearer ~"');
    expect(template(["token.inline=a b"])).toContain("token/inline");
  });

  it("refuses a value that it does not know, or that has no sound value, by its name", () => {
    expect(template(["gateway.nonsense=1"])).toContain("nonsense");
    expect(template(["gateway.mode=nginx"])).toMatch(/gateway.*mode/s);
    expect(template(["controlPlane.replicas=2"])).toContain("controlPlane.state.url");
    const withPassword = ["controlPlane.state.url=redis://user:password@valkey:6379"];
    expect(template(withPassword)).toContain("controlPlane/state/url");
    expect(template(["pools={Not_A_Name}"])).toContain("pools/0");
    expect(template(["inferencePool.name=Not_A_Name"])).toContain("inferencePool/name");
    // That is one name, of no characters.
    expect(template(["httpRoute.hostnames={}"])).toContain("httpRoute/hostnames/0");
  });

  it.each(["networkPolicy", "monitoring", "token", "gateway.standalone.accessLogPercent"])(
    "refuses null for %s by its name",
    (name) => {
      const last = name.split(".").at(-1);
      expect(template([`${name}=null`])).toContain(`missing property '${last}'`);
    },
  );

  it("says what an attachment lacks", () => {
    const without = (name: string) => ATTACHED.filter((value) => !value.startsWith(name));
    expect(template(["gateway.mode=istio", ...without("filter.sha256")])).toContain(
      "filter.sha256: ",
    );
    expect(template(["gateway.mode=envoy-gateway", ...without("token")])).toContain("token.inline");
    const closed = [...ATTACHED, "gateway.mode=istio", "networkPolicy.create=true"];
    expect(template(closed)).toContain("networkPolicy.gatewayLabels");
    for (const mode of ["istio", "envoy-gateway"]) {
      const values = [...without("httpRoute"), `gateway.mode=${mode}`];
      expect(template(values)).toContain("httpRoute.name: ");
      expect(made([...values, "httpRoute.name=own"])).not.toEqual([]);
    }
  });

  it("asks for the filter's sum and URL where they are used, and nowhere else", () => {
    const url = "filter.url=oci://registry.example/filter:1";
    const others = ATTACHED.filter((value) => !value.startsWith("filter.sha256"));
    const buffer = ["gateway.mode=istio", "gateway.attachment=buffer"];
    const [plugin] = objectsOf(made([...others, ...buffer, url]), "WasmPlugin");
    expect(plugin.spec).toMatchObject({ url: "oci://registry.example/filter:1", sha256: "" });
    for (const values of [["gateway.mode=istio"], ["gateway.mode=standalone"]]) {
      expect(template([...ATTACHED, ...values, url])).toContain("filter.url: with gateway.mode");
    }
  });

  it.each([
    { mode: "standalone", parents: [] },
    { mode: "none", parents: [] },
    { mode: "istio", parents: ["--parents=inference-gateway"] },
    { mode: "envoy-gateway", parents: ["--parents=inference-gateway"] },
  ])(
    "in mode $mode gives the role that the tests have, and status where there are parents",
    ({ mode, parents }) => {
      const objects = made([`gateway.mode=${mode}`, ...EVERYTHING]);
      const { template: pod } = objectOf(objects, "Deployment", "hw-control-plane").spec;
      const { args }: { args: string[] } = pod.spec.containers[0];
      expect(args.filter((word) => word.startsWith("--parents"))).toEqual(parents);
      const file = new URL("../../deploy/chart/files/role.yaml", import.meta.url);
      const rules: Rule[] = JSON.parse(
        JSON.stringify(objectsIn(file.pathname)[0]).replace("CONFIG_MAP", "hw-config"),
      );
      const granted = rules.filter(
        ({ resources }) => parents.length > 0 || !resources.includes("inferencepools/status"),
      );
      expect(objectOf(objects, "Role", "hw-control-plane").rules).toEqual(granted);
      expect(objects.filter(({ kind }) => kind.startsWith("ClusterRole"))).toEqual([]);
    },
  );
});

/** The objects; throws what helm has against the values. */
function made(values: string[]): KubernetesObject[] {
  const objects = template(values);
  if (typeof objects === "string") throw new Error(objects);
  return objects;
}

function objectsOf(objects: KubernetesObject[], wanted: string): KubernetesObject[] {
  return objects.filter(({ kind }) => kind === wanted);
}

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
