import { expect, it } from "vitest";
import { lastKnownCluster } from "../../../control-plane/http/clusters.ts";
import { ADJUSTABLE, startingEach } from "../hints/started.ts";

const { start } = startingEach();

const CLUSTERS = "/v3/discovery:clusters";
const SECRETS = "/v3/discovery:secrets";
const ENDPOINTS = "/v3/discovery:endpoints";

it("the pool is a cluster whose endpoints come by discovery and are named by the header", async () => {
  const running = await start();
  const answer = (await running.discover(CLUSTERS, {})).json();
  expect(answer.type_url).toBe("type.googleapis.com/envoy.config.cluster.v3.Cluster");
  const [cluster] = answer.resources;
  expect(cluster).toMatchObject({ "@type": answer.type_url, name: "pool", type: "EDS" });
  const [policy] = cluster.load_balancing_policy.policies;
  expect(policy.typed_extension_config.typed_config.override_host_sources).toEqual([
    { header: "x-gateway-destination-endpoint" },
  ]);
});

it("the buffer attachment's cluster takes its destination from the filter", async () => {
  const running = await start({ attachment: "buffer" });
  const [cluster] = (await running.discover(CLUSTERS, {})).json().resources;
  expect(cluster).toMatchObject({ type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED" });
});

it("an Envoy whose node names its attachment gets the cluster of that one", async () => {
  const running = await start();
  const node = { id: "a", metadata: { hintway_attachment: "buffer" } };
  const [cluster] = (await running.discover(CLUSTERS, { node })).json().resources;
  expect(cluster.type).toBe("ORIGINAL_DST");
});

it("who has the version in force is answered 304, until something changes", async () => {
  const running = await start();
  const first = (await running.discover(ENDPOINTS, { resource_names: ["pool"] })).json();
  const request = { version_info: first.version_info, resource_names: ["pool"] };
  const same = await running.discover(ENDPOINTS, request);
  expect([same.statusCode, same.payload]).toEqual([304, ""]);
  running.list(running.listed(1));
  const changed = await running.discover(ENDPOINTS, request);
  expect(changed.statusCode).toBe(200);
  expect(changed.json().version_info).not.toBe(first.version_info);
});

interface Listed {
  health_status: string;
  endpoint: { address: { socket_address: { port_value: number } } };
}

function portOf({ endpoint }: Listed): number {
  return endpoint.address.socket_address.port_value;
}

it("endpoints are healthy, draining or unhealthy as gateways are told", async () => {
  const running = await start({ engines: 3 });
  const ports = running.listed().map(({ port }) => port);
  const statuses = async () => {
    const { resources } = (await running.discover(ENDPOINTS, {})).json();
    const endpoints: Listed[] = resources[0].endpoints[0].lb_endpoints;
    const told = new Map(endpoints.map((listed) => [portOf(listed), listed.health_status]));
    return ports.map((port) => told.get(port));
  };
  expect(await statuses()).toEqual(["HEALTHY", "HEALTHY", "HEALTHY"]);
  await running.engines[0]!.close();
  running.list(running.listed(2));
  await expect.poll(statuses, { timeout: 10_000 }).toEqual(["UNHEALTHY", "HEALTHY", "DRAINING"]);
});

it("a question for other clusters' endpoints is answered with none", async () => {
  const running = await start();
  const answer = await running.discover(ENDPOINTS, { resource_names: ["other"] });
  expect(answer.json().resources).toEqual([]);
});

it("two Envoys of different versions are each told what they lack", async () => {
  const running = await start();
  const { version_info: current } = (await running.discover(ENDPOINTS, {})).json();
  const asked = async (version: string) => {
    return (await running.discover(ENDPOINTS, { version_info: version })).statusCode;
  };
  expect([await asked(current), await asked("another"), await asked("")]).toEqual([304, 200, 200]);
  expect([await asked(current), await asked("another")]).toEqual([304, 200]);
});

it.each([
  { resource_names: { includes: 1 } },
  { resource_names: [{}] },
  { node: "a" },
  { version_info: {} },
])("a question that is none of Envoy's is refused: %j", async (payload) => {
  const running = await start({ engines: 0 });
  expect((await running.discover(ENDPOINTS, payload)).statusCode).toBe(400);
});

it("what Envoy says of itself beyond what is read does no harm", async () => {
  const running = await start({ engines: 0 });
  const node = { id: "a", metadata: { other: [1] }, user_agent_build_version: {} };
  const payload = { node, type_url: "x", error_detail: { code: 3 }, resource_names: [] };
  expect((await running.discover(CLUSTERS, payload)).statusCode).toBe(200);
});

it("each pool is a cluster with its own endpoints", async () => {
  const running = await start();
  const [first, second] = running.listed();
  running.controlPlane.discoverPools([
    { name: "a", endpoints: [first!] },
    { name: "b", endpoints: [second!] },
  ]);
  const clusters: { name: string }[] = (await running.discover(CLUSTERS, {})).json().resources;
  expect(clusters.map(({ name }) => name)).toEqual(["a", "b", "pool"]);
  const { resources } = (await running.discover(ENDPOINTS, { resource_names: ["b"] })).json();
  expect(resources).toHaveLength(1);
  expect(resources[0].cluster_name).toBe("b");
  const port = portOf(resources[0].endpoints[0].lb_endpoints[0]);
  expect(port).toBe(second!.port);
});

it("a pool of TLS has what to trust by discovery of its own, and in the last known written out", async () => {
  const running = await start({ engines: 0 });
  const tls = { name: "qwen.svc", caCertificates: "PEM" };
  running.controlPlane.adjust({ ...ADJUSTABLE, endpointTls: new Map([["pool", tls]]) });
  const socketOf = (cluster: Cluster) => cluster.transport_socket?.typed_config;
  const [cluster] = (await running.discover(CLUSTERS, {})).json().resources;
  expect(socketOf(cluster)).toMatchObject({
    sni: "qwen.svc",
    common_tls_context: { validation_context_sds_secret_config: { name: "pool" } },
  });
  const trusted = {
    trusted_ca: { inline_string: "PEM" },
    match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: "qwen.svc" } }],
  };
  const secrets = async (name: string) => {
    return (await running.discover(SECRETS, { resource_names: [name] })).json().resources;
  };
  expect(await secrets("pool")).toMatchObject([{ name: "pool", validation_context: trusted }]);
  expect(await secrets("other")).toEqual([]);
  const known = lastKnownCluster(running.pool) as Cluster;
  expect(socketOf(known)?.common_tls_context).toMatchObject({ validation_context: trusted });
});

it("a pool that is not verified has nothing to trust, and one without TLS no transport socket", async () => {
  const running = await start({ engines: 0 });
  const clusterOf = async () => (await running.discover(CLUSTERS, {})).json().resources[0];
  expect(await clusterOf()).not.toHaveProperty("transport_socket");
  const tls = { name: null, caCertificates: null };
  running.controlPlane.adjust({ ...ADJUSTABLE, endpointTls: new Map([["pool", tls]]) });
  const { typed_config } = (await clusterOf()).transport_socket;
  expect(typed_config.common_tls_context).toEqual({ alpn_protocols: ["http/1.1"] });
  expect((await running.discover(SECRETS, { resource_names: ["pool"] })).json().resources).toEqual(
    [],
  );
});

interface Cluster {
  transport_socket?: { typed_config: { common_tls_context: object } };
}
