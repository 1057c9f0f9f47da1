import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, ask } from "../support/asking.ts";
import { type Component, startSimulators } from "../support/components.ts";
import { answerJson, RecordingServer, type Respond, reset } from "../support/recording-server.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { until } from "../support/until.ts";

const ROOM = /"bootstrap_room":(\d+)/;

let gateway: RoleGateway;

function labelsOf(port: number) {
  return { "llm-d.ai/bootstrap-port": `${port}` };
}

function flagsOf(connector: string): string[] {
  return ["--kv-connector", connector, "--probe-period-ms", "100"];
}

function say(content: string, more: object = {}): Promise<Answer> {
  const body = { model: "hintway-sim", messages: [{ role: "user", content }], max_tokens: 4 };
  return ask(gateway.url, { body: { ...body, ...more } });
}

/** What gateways have in flight, as Envoy's gauges tell. */
async function expectNothingInFlight(): Promise<void> {
  await until("nothing to be in flight", async () => {
    const gauges = await gateway.statistics("hintway\\.slot_.*\\.(requests|prefill_bytes)$");
    return [...gauges.values()].every((value) => value === 0);
  });
}

/** Whether prefill ran on another server than decode, as the explanation says. */
function isMet({ status, headers }: Answer): boolean {
  return status === 200 && `${headers["x-hintway-explain"]}`.includes('"prefill":"127.0.0.1:');
}

const CONNECTORS = ["sglang", "mooncake", "offloading"];

describe.each(CONNECTORS)("on a real Envoy, both legs of simulated %s servers", (connector) => {
  let servers: Component[] = [];

  beforeAll(async () => {
    const start = (role: string) =>
      startSimulators(2, ["--role", role, "--kv-connector", connector, "--kv-latency-ms", "20"]);
    const [prefills, decodes] = await Promise.all([start("prefill"), start("decode")]);
    servers = [...prefills, ...decodes];
    const portsOf = (some: Component[]) => some.map(({ port }) => port);
    const ports = { prefill: portsOf(prefills), decode: portsOf(decodes) };
    gateway = await startRoleGateway(ports, { workers: 2, flags: flagsOf(connector), labelsOf });
    await until("every worker to disaggregate", async () => {
      const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((at) => say(`first ${at}`)));
      return answers.every(isMet);
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    for (const server of servers) await server.stop();
  });

  test("meet, and a client gets decode's answer whole", async () => {
    const answer = await say("tell me of the sea ".repeat(100));
    expect(isMet(answer)).toBe(true);
    expect(JSON.parse(answer.text).usage.completion_tokens).toBe(4);
    await expectNothingInFlight();
  });

  test("meet, and a client gets decode's stream to its end", async () => {
    const answer = await say("stream of the sea", { stream: true });
    expect([isMet(answer), answer.isCut]).toEqual([true, false]);
    expect(answer.text).toContain("[DONE]");
    await expectNothingInFlight();
  });

  test("meet also when there are many, none by a number that was used", async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, at) => say(`of many ${at}`)));
    expect(answers.filter((answer) => !isMet(answer))).toEqual([]);
    for (const server of servers) {
      const { transfers } = await (await fetch(`${server.url}/sim/state`)).json();
      expect(transfers.failures).toEqual([]);
    }
    await expectNothingInFlight();
  });
});

describe("on a real Envoy, where the two legs are sent at once", () => {
  let prefill: RecordingServer;
  let decode: RecordingServer;

  const answerPrefill: Respond = (response) => answerJson(response, '{"id":"a"}');
  const failPrefill: Respond = (response) =>
    setTimeout(() => answerJson(response, '{"error":{"message":"out of memory"}}', 500), 150);
  const hang: Respond = () => {};
  const sendHeaders: Respond = (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
  };
  const begin: Respond = (response, request) => {
    sendHeaders(response, request);
    response.write("data: 1\n\n");
  };
  const stream: Respond = (response, request) => {
    begin(response, request);
    response.end("data: [DONE]\n\n");
  };

  beforeAll(async () => {
    [prefill, decode] = [await RecordingServer.start(), await RecordingServer.start()];
    const ports = { prefill: [prefill.port], decode: [decode.port] };
    const flags = [...flagsOf("sglang"), "--prefill-timeout-ms", "1000"];
    gateway = await startRoleGateway(ports, { flags, labelsOf });
  });

  beforeEach(async () => {
    [prefill.respond, decode.respond] = [answerPrefill, stream];
    // An endpoint that has failed is left alone until a probe finds it well.
    await until("both to serve", async () => (await say("again")).status === 200);
    prefill.seen.length = 0;
    decode.seen.length = 0;
  });

  afterEach(() => expectNothingInFlight());

  afterAll(async () => {
    await gateway?.stop();
    for (const server of [prefill, decode]) await server?.stop();
  });

  test("they carry the same room, and the same identifier", async () => {
    expect((await say("of the sea")).status).toBe(200);
    const [asked, sent] = [prefill.seen[0]!, decode.seen[0]!];
    const start = `{"bootstrap_host":"127.0.0.1","bootstrap_port":${prefill.port},"bootstrap_room":`;
    expect(sent.body.startsWith(start)).toBe(true);
    expect(ROOM.exec(sent.body)![1]).toBe(ROOM.exec(asked.body)![1]);
    expect(sent.headers["x-request-id"]).toBe(asked.headers["x-request-id"]);
    expect(sent.headers["content-length"]).toBe(`${Buffer.byteLength(sent.body)}`);
    expect(sent.headers["x-envoy-max-retries"]).toBeUndefined();
  });

  test("a client gets an error where prefill fails before decode has answered", async () => {
    [prefill.respond, decode.respond] = [failPrefill, hang];
    const { status, text } = await say("fails");
    expect([status, JSON.parse(text).error.code]).toEqual([502, "prefill_failed"]);
  });

  test("and where decode has sent no more than headers", async () => {
    [prefill.respond, decode.respond] = [failPrefill, sendHeaders];
    const { status, text } = await say("fails later", { stream: true });
    expect([status, JSON.parse(text).error.code]).toEqual([502, "prefill_failed"]);
  });

  test("and its stream is cut where decode has begun to write", async () => {
    [prefill.respond, decode.respond] = [failPrefill, begin];
    const { status, text, isCut } = await say("fails last", { stream: true });
    expect([status, text, isCut]).toEqual([200, "data: 1\n\n", true]);
  });

  test("and the error comes where prefill breaks off or hangs", async () => {
    decode.respond = hang;
    for (const respond of [reset, hang]) {
      prefill.respond = respond;
      const startedMs = performance.now();
      await until("an error", async () => (await say("no end")).status === 502);
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      prefill.respond = answerPrefill;
      decode.respond = stream;
      await until("both to serve", async () => (await say("again")).status === 200);
      decode.respond = hang;
    }
  });

  test("headers that decode sends early reach the client when prefill is done", async () => {
    prefill.respond = (response, request) =>
      setTimeout(() => answerPrefill(response, request), 100);
    decode.respond = (response, request) => {
      sendHeaders(response, request);
      setTimeout(() => response.end("data: [DONE]\n\n"), 300);
    };
    const { status, text, isCut } = await say("early", { stream: true });
    expect([status, text, isCut]).toEqual([200, "data: [DONE]\n\n", false]);
  });

  test.each([
    ["breaks off", reset],
    ["answers 503", ((response) => answerJson(response, "{}", 503)) as Respond],
  ])("decode is tried once where it %s: a room serves one try", async (_, respond) => {
    decode.respond = respond;
    expect((await say("decode fails")).status).toBe(503);
    expect([prefill.seen.length, decode.seen.length]).toEqual([1, 1]);
  });

  test("a client that leaves ends decode, and prefill is counted until it has answered", async () => {
    const release: (() => void)[] = [];
    prefill.respond = (response, request) => release.push(() => answerPrefill(response, request));
    let isLeft = false;
    decode.respond = (response) => response.on("close", () => (isLeft = true));
    const leaving = new AbortController();
    const asked = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      body: '{"messages":[{"role":"user","content":"leaves"}]}',
      signal: leaving.signal,
    });
    await until("both to be asked", () => release.length > 0 && decode.seen.length > 0);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await until("decode to be left", () => isLeft);
    await until("prefill alone to be in flight", async () => {
      const gauges = await gateway.statistics("hintway\\.slot_.*\\.requests$");
      return [...gauges.values()].reduce((sum, value) => sum + value, 0) === 1;
    });
    for (const one of release) one();
  });

  test("no room was used twice", async () => {
    for (let times = 0; times < 20; times++) await say(`again ${times}`);
    const rooms = decode.seen.map(({ body }) => ROOM.exec(body)![1]);
    expect(rooms.length).toBeGreaterThanOrEqual(20);
    expect(new Set(rooms).size).toBe(rooms.length);
  });
});

test("a Mooncake server that is started anew is named by the name that it has then", async () => {
  const [prefill] = await startSimulators(1, ["--role", "prefill", "--kv-connector", "mooncake"]);
  const [decode] = await startSimulators(1, ["--role", "decode", "--kv-connector", "mooncake"]);
  const ports = { prefill: [prefill!.port], decode: [decode!.port] };
  gateway = await startRoleGateway(ports, { flags: flagsOf("mooncake"), labelsOf });
  try {
    await until("both to meet", async () => isMet(await say("before")));
    await prefill!.stop();
    await until("decode to run alone", async () => {
      const answer = await say("meanwhile");
      return answer.status === 200 && !isMet(answer);
    });
    await prefill!.start();
    await until("both to meet again", async () => isMet(await say("after")));
  } finally {
    await gateway.stop();
    for (const server of [prefill!, decode!]) await server.stop();
  }
});
