import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BODY_BYTES_MAX } from "../../envoy/filters.ts";
import { DESTINATION_HEADER } from "../../protocol/names.ts";
import { freePort } from "../support/components.ts";
import { copies, ENVOY_GATEWAY, missingGateway } from "../support/gateways/assets.ts";
import {
  createGateway,
  type DeployedEnvoy,
  startDeployedEnvoy,
  startEnvoyGateway,
} from "../support/gateways/envoy-gateway.ts";
import { NAMESPACE } from "../support/gateways/helm.ts";
import { Objects } from "../support/gateways/objects.ts";
import { POOL } from "../support/gateways/plane.ts";
import { type Release, startRelease } from "../support/gateways/release.ts";
import { explained, routeBeside, translated, unexplained } from "../support/gateways/translated.ts";
import { type Answer, startApiServer } from "../support/kubernetes/api-server.ts";
import { findAssets } from "../support/kubernetes/assets.ts";
import { POOLS_CRD } from "../support/kubernetes/cluster.ts";
import { until } from "../support/until.ts";

const absent = missingGateway([ENVOY_GATEWAY]);
const FILTER = "envoy.filters.http.wasm/envoyextensionpolicy/inference/hw/wasm/0";
/** Two configurations, a filter to compile, and a machine that may be busy. */
const TAKEN_MS = 60_000;

describe.skipIf(absent)(`Envoy Gateway${absent ? ` (skipped: ${absent})` : ""}`, () => {
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
    const crds = copies().filter((path) => path.includes("gateway-helm"));
    await objects.installCrds([`${assets.crds}/${POOLS_CRD}`, ...crds]);
    await objects.createNamespace(NAMESPACE);
    running.push(await startEnvoyGateway(api, objects));
    release = await startRelease(api, objects, {
      values: ["gateway.mode=envoy-gateway"],
      servers: 2,
    });
    running.push(release);
    port = await freePort();
    await createGateway(objects, port);
    await release.attach();
    envoy = await startDeployedEnvoy(api);
    running.push(envoy);
  }, 240_000);

  afterAll(async () => {
    for (const component of running.splice(0).reverse()) await component.stop();
  }, 60_000);

  /** What Envoy Gateway says of the policies, where it is not that all is well. */
  async function complaints(): Promise<string[]> {
    const kinds = [
      ...["EnvoyExtensionPolicy", "EnvoyPatchPolicy"],
      ...["BackendTrafficPolicy", "ClientTrafficPolicy"],
    ];
    const found = await Promise.all(
      kinds.map((kind) => objects.list("gateway.envoyproxy.io/v1alpha1", kind, NAMESPACE)),
    );
    return found
      .flat()
      .flatMap(({ kind, status }: Answer) =>
        (status?.ancestors ?? []).flatMap(({ conditions }: Answer) =>
          conditions
            .filter((condition: Answer) => condition.status !== "True")
            .map((condition: Answer) => `${kind}: ${condition.message}`),
        ),
      );
  }

  async function expectsPick(): Promise<void> {
    const answer = await until("a pick", () => explained(port).catch(() => null), TAKEN_MS).catch(
      async (error) => {
        throw new Error([...(await complaints()), ...envoy.lines()].join("\n"), { cause: error });
      },
    );
    expect(release.endpoints).toContain(answer.headers.get("x-hintway-endpoint"));
    expect(answer.headers.get("x-hintway-explain")).toContain(`"pool":"${POOL}"`);
    expect(await complaints()).toEqual([]);
  }

  it("routes to the endpoint that the filter names in a header", { timeout: 120_000 }, async () => {
    await expectsPick();
    const { filters, connectionManager, listener, cluster } = await translated(
      envoy.adminUrl,
      port,
    );
    expect(filters.slice(-2)).toEqual([FILTER, "envoy.filters.http.router"]);
    const { config } = connectionManager.http_filters.at(-2).typed_config;
    expect(config).toMatchObject({
      failure_policy: "FAIL_RELOAD",
      allow_on_headers_stop_iteration: true,
    });
    expect(listener.per_connection_buffer_limit_bytes).toBe(BODY_BYTES_MAX);
    const policy = cluster.load_balancing_policy.policies[0].typed_extension_config;
    expect(policy.typed_config.override_host_sources).toEqual([{ header: DESTINATION_HEADER }]);
    expect(cluster.circuit_breakers.thresholds[0].max_requests).toBe(40_000);
  });

  it("leaves other routes of the Gateway alone", { timeout: 120_000 }, async () => {
    const path = "/v1/completions";
    await objects.create(routeBeside("other", path), NAMESPACE);
    const passedBy = () => unexplained(port, { path }).catch(() => null);
    await until("an answer without a pick", passedBy, TAKEN_MS);
    await expectsPick();
  });

  it("routes to the address that the filter sets, behind a buffer", {
    timeout: 120_000,
  }, async () => {
    await release.attach(["gateway.attachment=buffer"]);
    const { filters } = await until(
      "the buffer filter",
      async () => {
        const found = await translated(envoy.adminUrl, port);
        const isTaken = found.cluster?.type === "ORIGINAL_DST";
        return isTaken && found.filters.includes("envoy.filters.http.buffer") ? found : null;
      },
      TAKEN_MS,
    );
    expect(filters.slice(-3)).toEqual([
      FILTER,
      "envoy.filters.http.buffer",
      "envoy.filters.http.router",
    ]);
    await expectsPick();
  });
});
