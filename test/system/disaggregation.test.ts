import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answerJson, RecordingServer, type Respond, reset } from "../support/recording-server.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { ASK_OF_PREFILL } from "../support/two-legs.ts";
import { until } from "../support/until.ts";

const PARAMETERS =
  '{"do_remote_prefill":true,"remote_block_ids": [[1,2 ,4]],"remote_engine_id":"é","room":9007199254740993}';
const STREAM = ["data: 1\n\n", "data: [DONE]\n\n"];
let prefills: RecordingServer[] = [];
let decodes: RecordingServer[] = [];
let gateway: RoleGateway;

beforeAll(async () => {
  prefills = await Promise.all([1, 2].map(() => RecordingServer.start(answerPrefill)));
  decodes = await Promise.all([1, 2].map(() => RecordingServer.start(answerStream)));
  const portsOf = (servers: RecordingServer[]) => servers.map(({ port }) => port);
  gateway = await startRoleGateway(
    { prefill: portsOf(prefills), decode: portsOf(decodes) },
    { workers: 2, flags: ["--probe-period-ms", "100", "--prefill-timeout-ms", "1000"] },
  );
  await until("prefill to run elsewhere", async () => {
    await ask("any");
    return prefills.some(({ seen }) => seen.length > 0);
  });
});

afterAll(async () => {
  await gateway?.stop();
  for (const server of [...prefills, ...decodes]) await server.stop();
});

beforeEach(async () => {
  for (const server of prefills) server.respond = answerPrefill;
  for (const server of decodes) server.respond = answerStream;
  await until("all servers to be picked again", async () => {
    const asked = Array.from({ length: 8 }, (_, at) => ask(`again ${at} ${Math.random()}`));
    await Promise.all(asked);
    const isUsed = [...prefills, ...decodes].every(({ seen }) => seen.length > 0);
    for (const server of [...prefills, ...decodes]) server.seen.length = 0;
    return isUsed;
  });
});

function answerPrefill(...[response]: Parameters<Respond>): void {
  answerJson(response, `{"id":"a","choices":[],"kv_transfer_params": ${PARAMETERS}}`);
}

function answerStream(...[response]: Parameters<Respond>): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of STREAM) response.write(event);
  response.end();
}

function bodyOf(content: string): string {
  return `{ "model":"llama", "messages":[{"role":"user","content":${JSON.stringify(content)}}], "stream": true, "max_tokens": 77 }`;
}

function ask(content: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: bodyOf(content),
    signal: AbortSignal.timeout(10_000),
  });
}

const requestsOf = (servers: RecordingServer[]) => servers.flatMap(({ seen }) => seen);

/** What gateways have in flight, as the status page and Envoy's gauges tell. */
async function inFlight(): Promise<number> {
  const gauges = await gateway.statistics("hintway\\.slot_.*\\.(requests|prefill_bytes)$");
  return [...gauges.values()].reduce((sum, value) => sum + value, 0);
}

async function expectNothingInFlight(): Promise<void> {
  await until("nothing to be in flight", async () => (await inFlight()) === 0);
}

describe("on a real Envoy, a request of a pool with roles", () => {
  test("is read by a prefill server and answered by one of decode, with the parameters to the letter", async () => {
    const response = await ask("tell me of the sea", { authorization: "Bearer a" });
    expect(await response.text()).toBe(STREAM.join(""));
    const [prefill, ...others] = requestsOf(prefills);
    const [decode, ...more] = requestsOf(decodes);
    expect([others, more]).toEqual([[], []]);
    expect(JSON.parse(prefill!.body)).toEqual({
      model: "llama",
      messages: [{ role: "user", content: "tell me of the sea" }],
      stream: false,
      max_tokens: 1,
      max_completion_tokens: 1,
      min_tokens: 1,
      kv_transfer_params: ASK_OF_PREFILL,
    });
    const body = bodyOf("tell me of the sea");
    expect(decode!.body).toBe(`{"kv_transfer_params": ${PARAMETERS},${body.slice(1)}`);
    expect(prefill!.headers.authorization).toBe("Bearer a");
    expect(prefill!.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(decode!.headers["x-request-id"]).toBe(prefill!.headers["x-request-id"]);
    expect(decode!.headers["content-length"]).toBe(`${Buffer.byteLength(decode!.body)}`);
    await expectNothingInFlight();
  });

  test("of two megabytes is, too", async () => {
    const content = "sea ".repeat(500_000);
    const response = await ask(content);
    await response.text();
    expect(requestsOf(decodes)[0]!.body.endsWith(bodyOf(content).slice(1))).toBe(true);
    expect(JSON.parse(requestsOf(prefills)[0]!.body).messages[0].content).toBe(content);
  });

  test("goes to the other prefill server where the first one resets", async () => {
    let resets = 0;
    for (const server of prefills) {
      server.respond = (response, request) => {
        if (resets++ > 0) answerPrefill(response, request);
        else reset(response, request);
      };
    }
    expect((await ask("one resets")).status).toBe(200);
    expect(prefills.map(({ seen }) => seen.length)).toEqual([1, 1]);
    expect(requestsOf(decodes)[0]!.body).toContain(PARAMETERS);
  });

  test("is decoded alone where all prefill servers answer errors, or are too slow", async () => {
    prefills[0]!.respond = (response) => answerJson(response, "{}", 500);
    prefills[1]!.respond = () => {};
    expect((await ask("none serves")).status).toBe(200);
    expect(requestsOf(decodes)[0]!.body).toBe(bodyOf("none serves"));
    await expectNothingInFlight();
  });

  test("whose client leaves meanwhile is not decoded, and is counted until prefill has ended", async () => {
    const release: (() => void)[] = [];
    for (const server of prefills) {
      server.respond = (response, request) => release.push(() => answerPrefill(response, request));
    }
    const leaving = new AbortController();
    const asked = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      body: bodyOf("leaves"),
      signal: leaving.signal,
    });
    await until("prefill to begin", () => release.length > 0);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await until("the leg to be counted", async () => (await inFlight()) > 0);
    for (const one of release) one();
    await expectNothingInFlight();
    expect(requestsOf(decodes)).toEqual([]);
  });
});

test("decisions, legs and fallbacks are counted", async () => {
  await (await ask("served")).text();
  for (const server of prefills) server.respond = (response) => answerJson(response, "{}", 500);
  await (await ask("refused by all, and decoded alone")).text();
  await until("the metrics to tell", async () => {
    const text = await (await fetch(`${gateway.controlPlane.url}/metrics`)).text();
    return (
      /llm_d_epp_disagg_decision_total\{.*decision_type="prefill-decode"\} [1-9]/.test(text) &&
      /hintway_prefill_legs_total\{.*outcome="served"\} [1-9]/.test(text) &&
      /hintway_prefill_legs_total\{.*outcome="refused"\} [1-9]/.test(text) &&
      /hintway_prefill_fallbacks_total\{.*\} [1-9]/.test(text)
    );
  });
});
