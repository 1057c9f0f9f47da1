import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BODY_BYTES_MAX } from "../../envoy/filters.ts";
import { DESTINATION_HEADER } from "../../protocol/names.ts";
import { freePort } from "../support/components.ts";
import { copies, ISTIO_AGENT, ISTIOD, missingGateway } from "../support/gateways/assets.ts";
import type { DeployedEnvoy } from "../support/gateways/envoy-gateway.ts";
import { NAMESPACE } from "../support/gateways/helm.ts";
import { createGateway, startIstiod, startIstioGateway } from "../support/gateways/istio.ts";
import { Objects } from "../support/gateways/objects.ts";
import { POOL } from "../support/gateways/plane.ts";
import { type Release, startRelease } from "../support/gateways/release.ts";
import { explained, routeBeside, translated, unexplained } from "../support/gateways/translated.ts";
import { startApiServer } from "../support/kubernetes/api-server.ts";
import { findAssets } from "../support/kubernetes/assets.ts";
import { POOLS_CRD } from "../support/kubernetes/cluster.ts";
import { until } from "../support/until.ts";

const absent = missingGateway([ISTIOD, ISTIO_AGENT]);
const ROUTES = "gateway.networking.k8s.io/v1";
const TAKEN_MS = 60_000;
const BUFFER = "envoy.filters.http.buffer";
/** Filters of Istio's own build of Envoy, which the project's has not. */
const SETTINGS = ["PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false"];

/** As istiod names it, whichever of its own kinds it makes of a WasmPlugin. */
function isWasmPlugin(filter: string): boolean {
  return filter.startsWith("extensions.istio.io/") && filter.includes("inference.hw");
}

describe.skipIf(absent)(`Istio${absent ? ` (skipped: ${absent})` : ""}`, () => {
  const running: { stop(): Promise<void> }[] = [];
  let objects: Objects;
  let release: Release;
  let envoy: DeployedEnvoy;
  let port: number;

  beforeAll(async () => {
    const assets = findAssets();
    if ("missing" in assets) throw new Error(assets.missing);
    const api = await startApiServer(assets.binaries);
    running.push(api);
    objects = new Objects(api);
    const crds = copies().filter((path) => /gatewayapi-crds|kubernetes_custom/.test(path));
    await objects.installCrds([`${assets.crds}/${POOLS_CRD}`, ...crds]);
    await objects.createNamespace(NAMESPACE);
    running.push(await startIstiod(api, objects, SETTINGS));
    release = await startRelease(api, objects, { values: ["gateway.mode=istio"], servers: 1 });
    running.push(release);
    port = await freePort();
    await createGateway(api, objects, port);
    await release.attach();
    envoy = await startIstioGateway();
    running.push(envoy);
  }, 240_000);

  afterAll(async () => {
    for (const component of running.splice(0).reverse()) await component.stop();
  }, 60_000);

  async function expectsPick(): Promise<void> {
    const answer = await until("a pick", () => explained(port).catch(() => null), TAKEN_MS).catch(
      (error) => {
        throw new Error(envoy.lines().join("\n"), { cause: error });
      },
    );
    expect(release.endpoints).toContain(answer.headers.get("x-hintway-endpoint"));
    expect(answer.headers.get("x-hintway-explain")).toContain(`"pool":"${POOL}"`);
  }

  it("routes by EnvoyFilter to the endpoint that the filter names in a header", {
    timeout: 120_000,
  }, async () => {
    await expectsPick();
    const { filters, listener, cluster, virtualHost, route } = await translated(
      envoy.adminUrl,
      port,
    );
    expect(filters.slice(-2)).toEqual(["hintway", "envoy.filters.http.router"]);
    expect(listener.per_connection_buffer_limit_bytes).toBe(BODY_BYTES_MAX);
    expect(Number(virtualHost.request_body_buffer_limit)).toBe(BODY_BYTES_MAX);
    expect(route.route.retry_policy.retriable_status_codes).toEqual([503]);
    const policy = cluster.load_balancing_policy.policies[0].typed_extension_config;
    expect(policy.typed_config.override_host_sources).toEqual([{ header: DESTINATION_HEADER }]);
  });

  it("leaves other routes of the Gateway alone", { timeout: 120_000 }, async () => {
    const path = "/v1/completions";
    await objects.create(routeBeside("other", path), NAMESPACE);
    const passedBy = () => unexplained(port, { path }).catch(() => null);
    await until("an answer without a pick", passedBy, TAKEN_MS);
    await expectsPick();
  });

  it("takes one host's requests beside an older route, and all when that is deleted", {
    timeout: 120_000,
  }, async () => {
    const picked = (host: string) => () => explained(port, { host }).catch(() => null);
    const passedBy = (host: string) => () => unexplained(port, { host }).catch(() => null);
    await objects.delete(ROUTES, "HTTPRoute", "hw", NAMESPACE);
    // Of two that are made in the same second, the first by name is the older one.
    await objects.create(routeBeside("a-picker", "/"), NAMESPACE);
    await release.attach(["httpRoute.hostnames={localhost}"]);
    await until("a pick for the host", picked("localhost"), TAKEN_MS);
    await until("no pick for others", passedBy("127.0.0.1"), TAKEN_MS);
    await release.attach();
    await until("no pick for any host", passedBy("localhost"), TAKEN_MS);
    await objects.delete(ROUTES, "HTTPRoute", "a-picker", NAMESPACE);
    await until("a pick for all hosts", picked("127.0.0.1"), TAKEN_MS);
  });

  it("routes by WasmPlugin to the address that the filter sets, behind a buffer", {
    timeout: 120_000,
  }, async () => {
    await release.attach(["gateway.attachment=buffer"]);
    const filters = await until(
      "filter and buffer",
      async () => {
        const found = await translated(envoy.adminUrl, port);
        const isTaken = found.cluster?.type === "ORIGINAL_DST" && found.filters.includes(BUFFER);
        return isTaken && found.filters.some(isWasmPlugin) ? found.filters : null;
      },
      TAKEN_MS,
    );
    // Filters of Istio's that hold nothing may stand between.
    expect(filters.findIndex(isWasmPlugin)).toBeLessThan(filters.indexOf(BUFFER));
    expect(filters.slice(-2)).toEqual([BUFFER, "envoy.filters.http.router"]);
    await expectsPick();
  });
});
