import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bootstrap, type EnvoyMessage } from "../../envoy/bootstrap.ts";
import { findEnvoy } from "../../start/find-envoy.ts";
import { isHealthy } from "../../start/health.ts";
import { freePort, temporaryFolder } from "../support/components.ts";
import { LAUNCH } from "../support/launch.ts";
import {
  answerJson,
  answerNothing,
  RecordingServer,
  type Respond,
  reset,
} from "../support/recording-server.ts";
import { until } from "../support/until.ts";

const unavailable: Respond = (response) => answerJson(response, "{}", 503);

// The filter is not what is tested here: a header that the client sends stands for its pick.
const PICK_HEADER = "x-test-pick";

let endpoints: RecordingServer[];
let url: string;
let stop: () => Promise<unknown>;

beforeAll(async () => {
  endpoints = await Promise.all([1, 2, 3].map(() => RecordingServer.start()));
  const [port, admin, controlPlane] = [await freePort(), await freePort(), await freePort()];
  const configuration = bootstrap({
    attachment: "none",
    listen: { host: "127.0.0.1", port },
    admin: { host: "127.0.0.1", port: admin },
    controlPlane: { host: "127.0.0.1", port: controlPlane },
    token: "token",
    filterPath: "",
    gateway: "retry-test",
    lastKnown: { clusters: [cluster()], hints: "" },
  });
  letClientPick(configuration);
  const path = join(temporaryFolder(), "envoy.json");
  writeFileSync(path, JSON.stringify(configuration));
  const binary = await findEnvoy(process.env, LAUNCH);
  const flags = ["--disable-hot-restart", "--use-dynamic-base-id", "--concurrency", "2"];
  const envoy = spawn(binary, ["-c", path, ...flags], { stdio: "ignore" });
  stop = async () => {
    envoy.kill();
    await once(envoy, "exit");
  };
  url = `http://127.0.0.1:${port}/v1/chat/completions`;
  await until("Envoy's health", () => isHealthy(`http://127.0.0.1:${admin}/ready`));
});

afterAll(async () => {
  await stop();
  await Promise.all(endpoints.map((endpoint) => endpoint.stop()));
});

beforeEach(() => {
  for (const endpoint of endpoints) {
    endpoint.seen.length = 0;
    endpoint.respond = answerNothing;
  }
});

describe("a request with a list of destinations", () => {
  it.each([
    ["503", unavailable],
    ["reset", reset],
  ])("goes to the next after %s", async (_, fault) => {
    const [first, second, third] = endpoints as [RecordingServer, RecordingServer, RecordingServer];
    second.respond = fault;
    expect(await post([second, third, first])).toBe(200);
    expect(counts()).toEqual([0, 1, 1]);
  });

  it("goes to the third after two failed", async () => {
    const [first, second, third] = endpoints as [RecordingServer, RecordingServer, RecordingServer];
    third.respond = reset;
    first.respond = unavailable;
    expect(await post([third, first, second])).toBe(200);
    expect(counts()).toEqual([1, 1, 1]);
  });

  it("goes to the next, whole, when nothing listens and the body is 31 MiB", async () => {
    const [first, second, third] = endpoints as [RecordingServer, RecordingServer, RecordingServer];
    const port = first.port;
    await first.stop();
    const bodyBytes = 31 * 1024 * 1024;
    expect(await post([first, second, third], Buffer.alloc(bodyBytes, " "), port)).toBe(200);
    expect(second.seen.map(({ body }) => body.length)).toEqual([bodyBytes]);
    endpoints[0] = await RecordingServer.start(answerNothing, port);
  });

  it("is not tried again after an answer that is the model server's own", async () => {
    const [first, second, third] = endpoints as [RecordingServer, RecordingServer, RecordingServer];
    first.respond = (response) => answerJson(response, "{}", 500);
    expect(await post([first, second, third])).toBe(500);
    expect(counts()).toEqual([1, 0, 0]);
  });

  it("cannot be given one by a client", async () => {
    const [first] = endpoints as [RecordingServer];
    const headers = { "x-gateway-destination-endpoint": first.address };
    const asking = { method: "POST", headers, body: "{}" };
    for (let count = 0; count < 6; count++) await (await fetch(url, asking)).text();
    expect(counts()).toEqual([2, 2, 2]);
  });
});

async function post(
  order: RecordingServer[],
  body?: Buffer<ArrayBuffer>,
  port?: number,
): Promise<number> {
  const addresses = order.map((endpoint, at) =>
    at === 0 && port ? `127.0.0.1:${port}` : endpoint.address,
  );
  const headers = { [PICK_HEADER]: addresses.join(",") };
  const response = await fetch(url, { method: "POST", headers, body: body ?? "{}" });
  await response.text();
  return response.status;
}

function counts(): number[] {
  return endpoints.map((endpoint) => endpoint.seen.length);
}

/** Sets what the filter sets, after the headers of clients have been stripped. */
function letClientPick(configuration: EnvoyMessage): void {
  // biome-ignore lint/suspicious/noExplicitAny: a walk down a message that the test knows.
  const listeners = (configuration as any).static_resources.listeners;
  const [strip] =
    listeners[0].filter_chains[0].filters[0].typed_config.early_header_mutation_extensions;
  const set = (key: string, value: string) => ({
    append: { header: { key, value }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
  });
  strip.typed_config.mutations.push(
    set("x-gateway-destination-endpoint", `%REQ(${PICK_HEADER})%`),
    set("x-hintway-cluster", "pool-last-known"),
  );
}

/** A pool as the control plane describes it, as far as retries depend on it. */
function cluster(): EnvoyMessage {
  const policy = (name: string, type: string, fields: EnvoyMessage) => ({
    policies: [
      {
        typed_extension_config: {
          name: `envoy.load_balancing_policies.${name}`,
          typed_config: {
            "@type": `type.googleapis.com/envoy.extensions.load_balancing_policies.${name}.v3.${type}`,
            ...fields,
          },
        },
      },
    ],
  });
  const assigned = endpoints.map(({ port }) => ({
    endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } },
  }));
  return {
    name: "pool-last-known",
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: { cluster_name: "pool", endpoints: [{ lb_endpoints: assigned }] },
    load_balancing_policy: policy("override_host", "OverrideHost", {
      override_host_sources: [{ header: "x-gateway-destination-endpoint" }],
      fallback_policy: policy("round_robin", "RoundRobin", {}),
    }),
  };
}
