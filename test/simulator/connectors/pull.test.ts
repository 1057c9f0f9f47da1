import { expect, onTestFinished, test, vi } from "vitest";
import { Link } from "../../../simulator/connectors/link.ts";
import { ASK_OF_PREFILL } from "../../support/two-legs.ts";
import { startedServer } from "../started-server.ts";
import { ask, cachedOf, failuresOf, type Pair, PROMPT, startedPair } from "./pair.ts";

const PREFILL = { kv_transfer_params: ASK_OF_PREFILL, max_tokens: 1 };

async function prefilled({ prefill }: Pair, headers = {}): Promise<Record<string, unknown>> {
  const { status, body } = await ask(prefill, PREFILL, headers);
  expect(status).toBe(200);
  return body.kv_transfer_params as Record<string, unknown>;
}

test("a prefill answers with parameters of its own, as vLLM's NIXL connector does", async () => {
  const pair = await startedPair("nixlv2", { tensorParallel: 2 });
  const { body } = await ask(pair.prefill, PREFILL);
  const promptTokens = body.usage.prompt_tokens;
  const blocks = Math.ceil(promptTokens / 16);
  expect(body.choices[0]?.finish_reason).toBe("length");
  expect(body.kv_transfer_params).toEqual({
    do_remote_prefill: true,
    do_remote_decode: false,
    remote_engine_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    remote_block_ids: [Array.from({ length: blocks }, (_, at) => at + 1)],
    remote_request_id: expect.stringMatching(/^cmpl-/),
    remote_host: "127.0.0.1",
    remote_port: Number(new URL(pair.prefill.url).port),
    tp_size: 2,
    remote_num_tokens: promptTokens,
    remote_blocks_expiry_time: null,
  });
});

test("a decode takes the prompt as cached and answers as one server would", async () => {
  const pair = await startedPair("nixlv2");
  const alone = await ask(await startedServer(), { max_tokens: 8 });
  const kv_transfer_params = await prefilled(pair);
  const answer = await ask(pair.decode, { kv_transfer_params, max_tokens: 8 });
  expect(answer.body.choices[0]?.message).toEqual(alone.body.choices[0]?.message);
  expect(answer.body.usage.prompt_tokens).toBe(alone.body.usage.prompt_tokens);
  expect(cachedOf(answer)).toBe(alone.body.usage.prompt_tokens - 1);
  expect(pair.decode.server.engine.scheduler.totals).toMatchObject({
    prefixHits: 0,
    transferred: alone.body.usage.prompt_tokens - 1,
  });
  const again = await ask(pair.decode, { max_tokens: 1 });
  expect(cachedOf(again)).toBeGreaterThan(900);
});

test("blocks are held until they are pulled, and no longer than their lease", async () => {
  const pair = await startedPair("nixlv2", { kvLeaseMs: 1_000_000 });
  const { cache } = pair.prefill.server.engine.scheduler;
  const kv_transfer_params = await prefilled(pair);
  const held = cache.usedBlocks;
  expect(held).toBeGreaterThan(60);
  expect(pair.prefill.server.engine.published().usedBlocks).toBe(held);
  expect((await ask(pair.decode, { kv_transfer_params })).status).toBe(200);
  expect(cache.usedBlocks).toBe(0);
  const late = await prefilled(pair);
  await expect.poll(() => cache.usedBlocks, { timeout: 10_000 }).toBe(0);
  const { status, field } = await ask(pair.decode, { kv_transfer_params: late });
  expect([status, field]).toEqual([400, "kv_transfer_params.remote_request_id"]);
});

test("a transfer takes the time that its bytes take on the link", async () => {
  const speed = { speed: 1, kvGigabytesPerSecond: 1, kvLatencyMs: 50 };
  const pair = await startedPair("nixlv2", speed);
  const kv_transfer_params = await prefilled(pair);
  const beganAtMs = performance.now();
  await ask(pair.decode, { kv_transfer_params, max_tokens: 1 });
  const tookMs = performance.now() - beganAtMs;
  // 1,000 tokens of 128 KiB at 1 GB/s are 131 ms; the prompt itself would take 60 ms to compute.
  expect(tookMs).toBeGreaterThan(180);
});

test("a wrong, missing or reused field of a decode leg is refused by its name", async () => {
  const pair = await startedPair("nixlv2");
  const good = await prefilled(pair);
  const refused = async (changed: object, prompt = PROMPT) => {
    const { status, field } = await ask(
      pair.decode,
      { kv_transfer_params: { ...good, ...changed } },
      {},
      prompt,
    );
    return [status, field];
  };
  for (const name of Object.keys(good)) {
    if (name === "remote_blocks_expiry_time") continue;
    const [status, field] = await refused({ [name]: undefined });
    expect([status, field]).toEqual([400, `kv_transfer_params.${name}`]);
  }
  const place = (name: string) => [400, `kv_transfer_params.${name}`];
  expect(await refused({ remote_engine_id: "another" })).toEqual(place("remote_engine_id"));
  expect(await refused({ remote_block_ids: [[1, 2]] })).toEqual(place("remote_block_ids"));
  expect(await refused({ remote_request_id: "cmpl-0" })).toEqual(place("remote_request_id"));
  expect(await refused({ remote_num_tokens: 1 })).toEqual(place("remote_num_tokens"));
  expect(await refused({ tp_size: 2 })).toEqual(place("tp_size"));
  expect(await refused({ remote_port: 1 })).toEqual([502, "kv_transfer_params.remote_host"]);
  expect(await refused({}, `${PROMPT}?`)).toEqual([400, "prompt"]);
  expect((await ask(pair.decode, { kv_transfer_params: good })).status).toBe(200);
  expect(await refused({})).toEqual(place("remote_request_id"));
  expect((await failuresOf(pair.decode)).length).toBe(17);
  const metrics = await (await pair.decode.get("/metrics")).text();
  expect(metrics).toMatch(/sim:kv_transfers_total\{.*leg="failed"\} 17/);
});

test("a prefill leg is refused where it would compute what is thrown away", async () => {
  const { prefill } = await startedPair("nixlv2");
  const refused = async (more: object) => (await ask(prefill, { ...PREFILL, ...more })).field;
  expect(await refused({ stream: true })).toBe("stream");
  expect(await refused({ max_tokens: 2 })).toBe("max_tokens");
  expect(await refused({ max_completion_tokens: 1, max_tokens: 9 })).toBe("max_tokens");
  expect(await refused({ min_tokens: 5 })).toBe("min_tokens");
  expect(await refused({ n: 2 })).toBe("n");
  expect(await refused({ stream_options: { include_usage: true } })).toBe("stream_options");
  const params = (more: object) => ({ kv_transfer_params: { ...ASK_OF_PREFILL, ...more } });
  expect(await refused(params({ remote_host: "10.0.0.1" }))).toBe("kv_transfer_params.remote_host");
  expect(await refused(params({ do_remote_prefill: true }))).toBe(
    "kv_transfer_params.do_remote_prefill",
  );
});

test("a leg that goes to a server of the other role is refused", async () => {
  const { prefill, decode } = await startedPair("nixlv2");
  expect((await ask(decode, PREFILL)).field).toBe("kv_transfer_params.do_remote_decode");
  const kv_transfer_params = { do_remote_decode: false, do_remote_prefill: true };
  expect((await ask(prefill, { kv_transfer_params })).field).toBe(
    "kv_transfer_params.do_remote_decode",
  );
});

test("both legs have to come with one request id, which each server tells", async () => {
  const pair = await startedPair("nixlv2");
  const kv_transfer_params = await prefilled(pair, { "x-request-id": "a" });
  const other = await ask(pair.decode, { kv_transfer_params }, { "x-request-id": "b" });
  expect([other.status, other.field]).toEqual([400, "x-request-id"]);
  const headers = { "x-request-id": "a", "x-data-parallel-rank": "0" };
  expect((await ask(pair.decode, { kv_transfer_params }, headers)).status).toBe(200);
  const { transfers } = await (await pair.decode.get("/sim/state")).json();
  expect(transfers.legs).toEqual([
    { kind: "decode", path: "/v1/chat/completions", requestId: "a", rank: "0" },
  ]);
});

test("a streamed decode leg sends its headers while its prompt is under way", async () => {
  const pair = await startedPair("nixlv2");
  const kv_transfer_params = await prefilled(pair);
  const arrival = Promise.withResolvers<void>();
  const receiving = vi.spyOn(Link.prototype, "receive").mockReturnValue(arrival.promise);
  onTestFinished(() => receiving.mockRestore());
  const body = { messages: [{ role: "user", content: PROMPT }], stream: true, kv_transfer_params };
  const response = await pair.decode.post("/v1/chat/completions", body);
  const metrics = await (await pair.decode.get("/metrics")).text();
  expect(metrics).toMatch(/vllm:num_requests_waiting\{.*\} 1/);
  arrival.resolve();
  expect(await response.text()).toContain("[DONE]");
});

test("requests without parameters are served by either role", async () => {
  const { prefill, decode } = await startedPair("nixlv2");
  expect((await ask(prefill, {})).body.kv_transfer_params).toBeUndefined();
  expect((await ask(decode, {})).status).toBe(200);
});

test("MoRI-IO's read mode is the same flow with flat block ids and a transfer id", async () => {
  const pair = await startedPair("moriio");
  const kv_transfer_params = await prefilled(pair);
  expect(kv_transfer_params.transfer_id).toMatch(/^tx-/);
  expect(kv_transfer_params.remote_block_ids).toContain(1);
  const { transfer_id: _, ...without } = kv_transfer_params;
  expect((await ask(pair.decode, { kv_transfer_params: without })).field).toBe(
    "kv_transfer_params.transfer_id",
  );
  expect(cachedOf(await ask(pair.decode, { kv_transfer_params }))).toBeGreaterThan(1000);
});
