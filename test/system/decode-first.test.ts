import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answerJson, RecordingServer, type Respond } from "../support/recording-server.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { until } from "../support/until.ts";

const EVENTS = ['data: {"choices":[{"delta":{"content":"a"}}]}\n\n', "data: [DONE]\n\n"];
const BELOW = '{"choices":[{"index":0,"finish_reason":"cache_threshold"}]}';
let prefill: RecordingServer;
let decode: RecordingServer;
let gateway: RoleGateway;
/** How much of any prompt decode holds, from 0 to 1. */
let held = 0;
/** Lets a streamed answer go on after its first event. */
let release: () => void = () => {};

beforeAll(async () => {
  prefill = await RecordingServer.start(answerPrefill);
  decode = await RecordingServer.start(answerDecode);
  gateway = await startRoleGateway(
    { prefill: [prefill.port], decode: [decode.port] },
    { flags: ["--probe-period-ms", "100", "--kv-connector", "shared-storage"] },
  );
  await until("prefill to run elsewhere", async () => {
    await (await ask({})).text();
    return prefill.seen.length > 0;
  });
});

afterAll(async () => {
  await gateway?.stop();
  await prefill?.stop();
  await decode?.stop();
});

beforeEach(() => {
  held = 0;
  for (const server of [prefill, decode]) server.seen.length = 0;
});

/** Decode holds what a prefill server has put into the shared store. */
function answerPrefill(...[response]: Parameters<Respond>): void {
  held = 1;
  answerJson(response, '{"choices":[{"index":0,"finish_reason":"length"}]}');
}

function answerDecode(...[response, { body }]: Parameters<Respond>): void {
  const { stream, cache_hit_threshold = 0 } = JSON.parse(body);
  if (held < cache_hit_threshold) answerJson(response, BELOW);
  else if (stream) answerStream(response);
  else answerJson(response, '{"choices":[{"index":0,"finish_reason":"length"}]}');
}

function answerStream(response: Parameters<Respond>[0]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(EVENTS[0]);
  release = () => response.end(EVENTS[1]);
}

function ask(more: object): Promise<Response> {
  const messages = [{ role: "user", content: "tell me of the sea" }];
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "llama", messages, max_tokens: 77, ...more }),
    signal: AbortSignal.timeout(10_000),
  });
}

const asked = (server: RecordingServer) =>
  server.seen.map(({ body }) => {
    const { cache_hit_threshold, stream, max_tokens } = JSON.parse(body);
    return { cache_hit_threshold, stream, max_tokens };
  });

/** Reads an answer of which the second event is written once the first has arrived. */
async function readAsItComes(response: Response): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const first = (await reader.read()).value!;
  expect(first).toBe(EVENTS[0]);
  release();
  let text = first;
  for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
  return text;
}

const ASKED = { cache_hit_threshold: 0.8, stream: false, max_tokens: 1 };
const SENT = { cache_hit_threshold: 0, stream: true, max_tokens: 77 };

describe("on a real Envoy, a request with a threshold of cache hits", () => {
  test("is decoded at once where decode holds enough, and its answer streams", async () => {
    held = 0.9;
    const response = await ask({ stream: true, cache_hit_threshold: 0.8 });
    expect(await readAsItComes(response)).toBe(EVENTS.join(""));
    expect(asked(decode)).toEqual([ASKED, SENT]);
    expect(prefill.seen).toEqual([]);
  });

  test("is prefilled where decode holds too little, and its answer streams", async () => {
    const response = await ask({ stream: true, cache_hit_threshold: 0.8 });
    expect(await readAsItComes(response)).toBe(EVENTS.join(""));
    expect(asked(decode)).toEqual([ASKED, SENT]);
    expect(asked(prefill)).toEqual([{ ...ASKED, cache_hit_threshold: 0 }]);
    const identifiers = [...decode.seen, ...prefill.seen].map(
      ({ headers }) => headers["x-request-id"],
    );
    expect(new Set(identifiers).size).toBe(1);
  });

  test("keeps its length, and is answered whole where it does not stream", async () => {
    const response = await ask({ cache_hit_threshold: 0.8 });
    expect((await response.json()).choices[0].finish_reason).toBe("length");
    const last = decode.seen.at(-1)!;
    expect(last.headers["content-length"]).toBe(`${Buffer.byteLength(last.body)}`);
  });

  test("and nothing stays in flight, and asks are told by what came of them", async () => {
    await until("the metrics to tell", async () => {
      const text = await (await fetch(`${gateway.controlPlane.url}/metrics`)).text();
      return ["cached", "uncached", "served"].every((outcome) =>
        new RegExp(`hintway_prefill_legs_total\\{.*outcome="${outcome}"\\} [1-9]`).test(text),
      );
    });
    await until("nothing to be in flight", async () => {
      const gauges = await gateway.statistics("hintway\\.slot_.*\\.(requests|prefill_bytes)$");
      return [...gauges.values()].every((value) => value === 0);
    });
  });
});

test("a request that prefers to be served if available gets a 412, and no server is asked", async () => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "if-available" },
    body: JSON.stringify({ messages: [{ role: "user", content: "tell me of the sea" }] }),
  });
  expect(response.status).toBe(412);
  expect((await response.json()).error.code).toBe("prompt_not_cached");
  expect([...prefill.seen, ...decode.seen]).toEqual([]);
});
