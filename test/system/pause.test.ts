import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import { type Component, startWholeGateway, type WholeGateway } from "../support/components.ts";
import { expectKeysInPieces } from "../support/in-pieces.ts";
import { settle, until } from "../support/until.ts";

const MIB = 1024 * 1024;
const DESTINATION = "x-gateway-destination-endpoint";

let gateway: WholeGateway;

beforeAll(async () => {
  gateway = await startWholeGateway({
    simulators: 3,
    // Room for a prompt of over a million tokens, and time that flies while it is read.
    simulatorFlags: ["--speed", "1000", "--kv-blocks", "200000"],
    controlPlaneFlags: ["--probe-period-ms", "200"],
  });
});

afterAll(async () => {
  await gateway?.stop();
});

function prompt(seed: string, bytes = 6_000): Message[] {
  return [{ role: "user", content: prose(seed, bytes) }];
}

/** The simulator that an answer came from. */
function serverOf(answer: Answer): Component {
  const found = gateway.simulators.find(({ address }) => address === answer.endpoint);
  if (!found) throw new Error(`no simulator at ${answer.endpoint}`);
  return found;
}

interface LastRequest {
  headers: Record<string, string>;
  bodyBytes: number;
}

interface State {
  last: LastRequest;
  /** Requests seen, by path. */
  requests: Record<string, number>;
}

async function stateOf({ url }: Component): Promise<State> {
  return (await (await fetch(`${url}/sim/state`)).json()) as State;
}

async function lastRequestOf(server: Component): Promise<LastRequest> {
  return (await stateOf(server)).last;
}

async function plan({ url }: Component, fault: string): Promise<void> {
  const body = JSON.stringify({ fault, count: 1 });
  const headers = { "content-type": "application/json" };
  await fetch(`${url}/sim/faults`, { method: "POST", headers, body });
}

/** Endpoints that failed before are back, as each worker knows. */
async function allArePicked(): Promise<void> {
  await until("all endpoints to be candidates", async () => {
    const asked = Array.from({ length: 8 }, () => ask(gateway.url, chat(prompt("any"))));
    const answers = await Promise.all(asked);
    return answers.every(({ explanation }) => explanation?.candidates.length === 3);
  });
}

const FAILURES: Record<string, (server: Component) => Promise<void>> = {
  "answers 503": (server) => plan(server, "status-503"),
  "resets before headers": (server) => plan(server, "reset-before-headers"),
  "is gone": (server) => server.kill(),
};

describe("when the endpoint that was picked", () => {
  test.each(Object.keys(FAILURES))("%s, the next best serves and has the keys", async (failure) => {
    await allArePicked();
    const first = await ask(gateway.url, chat(prompt(failure)));
    const failing = serverOf(first);
    await settle();
    await FAILURES[failure]?.(failing);
    const longer = chat(prompt(failure, 12_000));
    const second = await ask(gateway.url, longer);
    expect(second.status).toBe(200);
    expect(second.endpoint).not.toBe(first.endpoint);
    expect(second.headers["x-sim-server"]).toBe(second.endpoint);
    await settle();
    const third = await ask(gateway.url, longer);
    const keys = third.explanation?.keys;
    expect(candidateOf(third, second.endpoint)?.matchedKeys).toBe(keys);
    expect(candidateOf(third, first.endpoint)?.matchedKeys ?? 0).toBeLessThan(keys ?? 0);
    if (failure === "is gone") await failing.start();
  });
});

describe("what a client says that only a gateway may say", () => {
  test("does not steer, and does not reach the model server", async () => {
    await allArePicked();
    let others = 0;
    for (let i = 0; i < 12; i++) {
      const wanted = gateway.simulators[i % gateway.simulators.length] as Component;
      const headers = {
        [DESTINATION]: wanted.address,
        "x-prefiller-host-port": wanted.address,
        "x-hintway-cluster": "hintway-control-plane",
      };
      const answer = await ask(gateway.url, { ...chat(prompt(`steered ${i}`)), headers });
      expect(answer.status).toBe(200);
      expect(answer.headers["x-sim-server"]).toBe(answer.endpoint);
      const { headers: received } = await lastRequestOf(serverOf(answer));
      for (const name of Object.keys(headers)) expect(received).not.toHaveProperty(name);
      if (answer.endpoint !== wanted.address) others++;
    }
    expect(others).toBeGreaterThan(0);
  });

  test("is blanked in bodies for APIs that nobody knows: none was blanked before these", async () => {
    const pattern = "wasmcustom.hintway.members_stripped$";
    const body = { kv_transfer_params: { remote_host: "10.0.0.1" }, prompt: "p" };
    for (const path of ["/invocations", "/v1/anything/"]) {
      expect((await ask(gateway.url, { path, body })).status).toBe(404);
    }
    await until("both to be counted", async () => {
      const [count] = (await gateway.envoy.statistics(pattern)).values();
      return count === 2;
    });
  });

  test("is blanked in bodies wherever it stands", async () => {
    const { body } = chat(prompt("reserved"));
    const reserved = {
      kv_transfer_params: { remote_host: "10.0.0.1", deep: [{ "}": "\\" }] },
      bootstrap_host: "10.0.0.1",
      ec_transfer_params: [1],
    };
    for (const sent of [
      { ...reserved, ...(body as object) },
      { ...(body as object), ...reserved },
    ]) {
      const answer = await ask(gateway.url, { body: sent, pieceBytes: 1_001 });
      expect(answer.status).toBe(200);
      expect(answer.headers["x-sim-saw"]).toBeUndefined();
    }
  });

  test.each([
    ["an encoding it does not have", { headers: { "content-encoding": "gzip" } }],
    ["no encoding, in capitals", { headers: { "content-encoding": "Identity" } }],
    ["a form", { headers: { "content-type": "multipart/form-data; boundary=x" } }],
    ["a percent-encoded path", { path: "/v1/chat/%63ompletions" }],
  ])("is blanked in a body that claims %s", async (_, claimed) => {
    const { body } = chat(prompt("reserved"));
    const sent = { ...(body as object), kv_transfer_params: { remote_host: "10.0.0.1" } };
    const answer = await ask(gateway.url, { ...claimed, body: sent });
    expect(answer.status).toBe(200);
    expect(answer.headers["x-sim-saw"]).toBeUndefined();
    expect(answer.explanation?.keys).toBeGreaterThan(0);
  });
});

describe("a body", () => {
  test("in pieces has the keys of one that comes at once", async () => {
    await expectKeysInPieces(gateway.url);
  });

  test("that is not JSON is not held: it goes on before its end has come", async () => {
    const headers = { "content-encoding": "gzip" };
    const upload = request(new URL("/uploads", gateway.url), { method: "POST", headers });
    const answered = once(upload, "response");
    upload.write(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]));
    await until("its headers to arrive", async () => {
      const states = await Promise.all(gateway.simulators.map(stateOf));
      return states.some(({ requests }) => requests["/uploads"]);
    });
    upload.end();
    const [answer] = (await answered) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(404);
  });

  test("with a prompt of more than 4 MiB arrives whole and is followed as far as it is read", async () => {
    const asking = chat(prompt("large", 4.5 * MIB), 1);
    const first = await ask(gateway.url, asking);
    expect(first.status).toBe(200);
    expect(first.explanation?.keys).toBeGreaterThan(1_000);
    const { bodyBytes } = await lastRequestOf(serverOf(first));
    expect(bodyBytes).toBe(Buffer.byteLength(JSON.stringify(asking.body)));
    await settle();
    const second = await ask(gateway.url, asking);
    expect(second.endpoint).toBe(first.endpoint);
    expect(candidateOf(second, first.endpoint)?.matchedKeys).toBe(first.explanation?.keys);
  });

  test.each([
    ["that says its length", {}],
    ["in pieces", { pieceBytes: 64 * 1024 }],
  ])("of more than 32 MiB %s is refused in JSON", async (_how, pieces) => {
    const body = JSON.stringify(chat(prompt("too large", 32 * MIB)).body);
    const answer = await ask(gateway.url, { body, ...pieces });
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.text).error.code).toBe("body_too_large");
  });
});

describe("when the operator does not let clients ask why", () => {
  let silent: WholeGateway;

  beforeAll(async () => {
    silent = await startWholeGateway({ explain: false, simulatorFlags: ["--speed", "50"] });
  });

  afterAll(async () => {
    await silent?.stop();
  });

  test("nobody is told", async () => {
    const answer = await ask(silent.url, chat(prompt("why")));
    expect(answer.status).toBe(200);
    expect(answer.headers["x-hintway-endpoint"]).toBeUndefined();
    expect(answer.headers["x-hintway-explain"]).toBeUndefined();
  });
});
