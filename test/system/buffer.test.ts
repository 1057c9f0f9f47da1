import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import {
  type ControlPlane,
  type Envoy,
  freePort,
  startEnvoy,
  startWholeGateway,
  temporaryFolder,
  type WholeGateway,
} from "../support/components.ts";
import { expectKeysInPieces } from "../support/in-pieces.ts";
import { settle, until } from "../support/until.ts";

const MIB = 1024 * 1024;

function prompt(seed: string, bytes = 6_000): Message[] {
  return [{ role: "user", content: prose(seed, bytes) }];
}

describe("with the buffer attachment", () => {
  let gateway: WholeGateway;

  beforeAll(async () => {
    gateway = await startWholeGateway({
      attachment: "buffer",
      simulators: 3,
      simulatorFlags: ["--speed", "50"],
    });
  });

  afterAll(async () => {
    await gateway?.stop();
  });

  test("a request is served by the endpoint that was picked", async () => {
    for (let i = 0; i < 10; i++) {
      const answer = await ask(gateway.url, chat(prompt(`picked ${i}`)));
      expect(answer.status).toBe(200);
      expect(answer.headers["x-sim-server"]).toBe(answer.endpoint);
    }
  });

  test("a prefix that one worker routed is followed by the other", async () => {
    const first = await ask(gateway.url, chat(prompt("between workers")));
    await settle();
    for (let again = 0; again < 12; again++) {
      const answer = await ask(gateway.url, chat(prompt("between workers")));
      expect(answer.headers["x-sim-server"]).toBe(first.endpoint);
      expect(candidateOf(answer, first.endpoint)?.matchedKeys).toBe(answer.explanation?.keys);
    }
  });

  test("a body that comes in pieces has the keys of one that comes at once", async () => {
    await expectKeysInPieces(gateway.url);
  });

  test("a body of 5 MiB arrives whole where it was picked", async () => {
    const asking = chat(prompt("large", 5 * MIB));
    const answer = await ask(gateway.url, asking);
    // The simulator has read it all when it says that it is too long for the model.
    expect([200, 400]).toContain(answer.status);
    expect(answer.headers["x-sim-server"]).toBe(answer.endpoint);
    const state = await (await fetch(`http://${answer.endpoint}/sim/state`)).json();
    expect(state.last.bodyBytes).toBe(Buffer.byteLength(JSON.stringify(asking.body)));
  });

  test("what only a gateway may say does not reach the model server", async () => {
    const { body } = chat(prompt("reserved"));
    const reserved = {
      kv_transfer_params: { remote_host: "10.0.0.1" },
      bootstrap_host: "10.0.0.1",
      ec_transfer_params: [1],
    };
    const last = { ...(body as object), ...reserved };
    const first = { ...reserved, ...(body as object) };
    for (const sent of [first, last]) {
      const answer = await ask(gateway.url, { body: sent });
      expect(answer.status).toBe(200);
      expect(answer.headers["x-sim-saw"]).toBeUndefined();
    }
  });

  test("a client cannot name its destination", async () => {
    const [victim] = gateway.simulators;
    const endpoints = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const headers = { "x-gateway-destination-endpoint": victim!.address };
      const answer = await ask(gateway.url, { ...chat(prompt(`steered ${i}`)), headers });
      expect(answer.headers["x-sim-server"]).toBe(answer.endpoint);
      endpoints.add(answer.endpoint);
    }
    expect(endpoints.size).toBeGreaterThan(1);
  });
});

describe("with the buffer attachment, when something is missing", () => {
  const running: { stop(): Promise<void> }[] = [];

  afterEach(async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  });

  test("without hints the client gets a 503 in JSON with the reason", async () => {
    const controlPlane: Pick<ControlPlane, "port" | "token" | "stateDir"> = {
      port: await freePort(),
      token: "token",
      stateDir: temporaryFolder(),
    };
    const envoy: Envoy = await startEnvoy({ controlPlane, attachment: "buffer" });
    running.push(envoy);
    const answer = await ask(envoy.url, chat(prompt("nobody")));
    expect(answer.status).toBe(503);
    expect(answer.headers["x-llm-d-request-dropped-reason"]).toBe("rejected-no-endpoints");
    expect(JSON.parse(answer.text).error.code).toBe("no_endpoints");
  });

  test("a dead endpoint fails one request and is then not picked", async () => {
    const probes = ["--probe-period-ms", "60000"];
    const parts = await startWholeGateway({
      attachment: "buffer",
      simulators: 2,
      simulatorFlags: ["--speed", "50"],
      controlPlaneFlags: probes,
    });
    running.push(parts);
    const [victim] = parts.simulators;
    await victim!.kill();
    const failed = await until("a request to be sent to the dead endpoint", async () => {
      const answer = await ask(parts.url, chat(prompt(`dead ${Math.random()}`)));
      return answer.status === 200 ? undefined : answer;
    });
    expect(failed.status).toBe(503);
    expect(JSON.parse(failed.text).error.type).toBe("service_unavailable");
    await settle();
    for (let i = 0; i < 20; i++) {
      const answer = await ask(parts.url, chat(prompt(`alive ${i}`)));
      expect(answer.status).toBe(200);
      expect(answer.endpoint).not.toBe(victim!.address);
    }
  });
});
