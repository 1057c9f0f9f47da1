import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Envoy, freePort, startEnvoy, temporaryFolder } from "../support/components.ts";
import { answerNothing, RecordingServer } from "../support/recording-server.ts";
import { until } from "../support/until.ts";

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function start<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const one = await starting;
  running.push(one);
  return one;
}

describe("an Envoy whose control plane is down", () => {
  it("listens all the same, and says in JSON that it knows no endpoint", async () => {
    const controlPlane = { port: await freePort(), token: "token", stateDir: temporaryFolder() };
    const envoy: Envoy = await start(startEnvoy({ controlPlane, attachment: "none" }));
    const response = await fetch(`${envoy.url}/v1/models`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { type: "service_unavailable" } });
  });

  it("has the last known clusters under names of their own", async () => {
    const endpoint = await start(RecordingServer.start());
    const stateDir = temporaryFolder();
    writeFileSync(join(stateDir, "last-known.json"), lastKnown(endpoint.port));
    const controlPlane = { port: await freePort(), token: "token", stateDir };
    const envoy = await start(startEnvoy({ controlPlane, attachment: "none" }));
    const members = await envoy.statistics("cluster.pool-last-known.membership_total");
    expect([...members.values()]).toEqual([1]);
  });

  it("does not believe a client that says so", async () => {
    const endpoint = await start(RecordingServer.start());
    const stateDir = temporaryFolder();
    writeFileSync(join(stateDir, "last-known.json"), lastKnown(endpoint.port));
    const controlPlane = { port: await freePort(), token: "token", stateDir };
    const envoy = await start(startEnvoy({ controlPlane, attachment: "none" }));
    const response = await fetch(envoy.url, {
      method: "POST",
      headers: { "x-hintway-cluster": "pool-last-known" },
    });
    expect(response.status).toBe(503);
    expect(endpoint.seen).toEqual([]);
  });

  it("asks again, with the token, until it is there", async () => {
    const controlPlane = {
      port: await freePort(),
      token: "its-token",
      stateDir: temporaryFolder(),
    };
    await start(startEnvoy({ controlPlane, attachment: "none" }));
    const late = await start(RecordingServer.start(answerNothing, controlPlane.port));
    const call = await until("the first call", () => late.seen.at(0));
    expect(call).toMatchObject({
      path: "/v3/discovery:clusters",
      headers: { authorization: "Bearer its-token" },
    });
  });
});

function lastKnown(port: number): string {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }];
  const cluster = {
    name: "pool-last-known",
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: { cluster_name: "pool-last-known", endpoints },
  };
  return JSON.stringify({ clusters: [cluster], hints: "AAAA" });
}
