import { expect, test } from "vitest";
import { chat, type StartedServer, startedServer } from "./started-server.ts";

const PATH = "/v1/chat/completions";

function faulted(server: StartedServer, fault: string, more: object = {}): Promise<Response> {
  return server.post(PATH, chat("hello", more), { "x-sim-fault": fault });
}

/** The code of the socket error that ended a fetch. */
async function socketError(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason as Error & { cause?: { code?: string } },
  );
  return error?.cause?.code ?? String(error);
}

test("status faults answer with that status and an error body", async () => {
  const server = await startedServer();
  for (const status of [500, 503, 429]) {
    const response = await faulted(server, `status-${status}`);
    expect(response.status).toBe(status);
    expect((await response.json()).error.code).toBe(status);
  }
});

test("reset-before-headers resets the connection without an answer", async () => {
  const server = await startedServer();
  expect(await socketError(faulted(server, "reset-before-headers"))).toBe("ECONNRESET");
});

test("reset-after-headers cuts a stream after that many tokens", async () => {
  const server = await startedServer();
  const response = await faulted(server, "reset-after-headers:2", { stream: true, max_tokens: 50 });
  expect(response.status).toBe(200);
  let text = "";
  const reading = async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  };
  expect(await socketError(reading())).toBe("ECONNRESET");
  expect(text.split('"finish_reason":null').length - 1).toBe(3);
  await expect.poll(() => server.server.engine.scheduler.running.length).toBe(0);
});

test("reset-after-headers cuts a JSON answer in the middle", async () => {
  const server = await startedServer();
  const response = await faulted(server, "reset-after-headers");
  expect(response.status).toBe(200);
  expect(await socketError(response.json())).toBe("ECONNRESET");
});

test("hang accepts and never answers, others are served meanwhile", async () => {
  const server = await startedServer();
  const hanging = new AbortController();
  const hung = fetch(server.url + PATH, {
    method: "POST",
    headers: { "x-sim-fault": "hang" },
    body: JSON.stringify(chat("hello")),
    signal: hanging.signal,
  });
  expect((await server.post(PATH, chat("hello"))).status).toBe(200);
  await expect.poll(() => server.server.traffic.inFlight).toBe(1);
  hanging.abort();
  await expect(hung).rejects.toThrow();
});

test("slow-start delays the answer and gives it whole", async () => {
  const server = await startedServer();
  expect((await faulted(server, "slow-start:20")).status).toBe(200);
});

test("a request that asks for refuse is reset, and new connections are refused", async () => {
  const server = await startedServer();
  expect(await socketError(faulted(server, "refuse:60000"))).toBe("ECONNRESET");
  expect(await socketError(server.get("/health"))).toBe("ECONNREFUSED");
});

test("refuse closes the listening socket for a while and opens it again", async () => {
  const server = await startedServer();
  await server.post("/sim/faults", { fault: "refuse", value: 300 });
  expect(await socketError(server.post(PATH, chat("hello")))).toBe("ECONNREFUSED");
  await expect
    .poll(() =>
      server
        .get("/health")
        .then((response) => response.status)
        .catch(() => 0),
    )
    .toBe(200);
});

test("sleep lets the server sleep for a while, requests waiting", async () => {
  const server = await startedServer();
  expect((await faulted(server, "sleep:50")).status).toBe(200);
  expect(server.server.engine.isAsleep).toBe(false);
});

test("planned faults hit the next requests for inference, or for the path they name", async () => {
  const server = await startedServer();
  await server.post("/sim/faults", { fault: "status-500", count: 2 });
  await server.post("/sim/faults", { fault: "status-503", path: "/metrics" });
  const statuses = async (path: string) =>
    path === PATH
      ? (await server.post(path, chat("hello"))).status
      : (await server.get(path)).status;
  expect(await statuses("/health")).toBe(200);
  expect([await statuses(PATH), await statuses(PATH), await statuses(PATH)]).toEqual([
    500, 500, 200,
  ]);
  expect([await statuses("/metrics"), await statuses("/metrics")]).toEqual([503, 200]);
  const state = await (await server.get("/sim/state")).json();
  expect(state.faults).toEqual([]);
});

test("an unknown fault is refused with the names that exist", async () => {
  const server = await startedServer();
  const response = await server.post("/sim/faults", { fault: "melt" });
  expect(response.status).toBe(400);
  expect((await response.json()).error.message).toContain("reset-after-headers");
});
