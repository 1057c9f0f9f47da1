import { expect, test } from "vitest";
import { chat, startedServer } from "./started-server.ts";

async function series(get: (path: string) => Promise<Response>): Promise<Map<string, number>> {
  const text = await (await get("/metrics")).text();
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    samples.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

const LABELS = 'model_name="hintway-sim",engine="0"';

test("counters and histograms have vLLM's names and count what was served", async () => {
  const { get, post } = await startedServer();
  const body = chat("A prompt of some length, to be found again. ".repeat(10));
  const { usage } = await (await post("/v1/chat/completions", body)).json();
  const again = await (await post("/v1/chat/completions", body)).json();
  const now = await series(get);
  const prompt = usage.prompt_tokens * 2;
  expect(now.get(`vllm:prompt_tokens_total{${LABELS}}`)).toBe(prompt);
  expect(now.get(`vllm:generation_tokens_total{${LABELS}}`)).toBe(8);
  expect(now.get(`vllm:prefix_cache_queries_total{${LABELS}}`)).toBe(prompt);
  expect(now.get(`vllm:prefix_cache_hits_total{${LABELS}}`)).toBe(
    again.usage.prompt_tokens_details.cached_tokens,
  );
  expect(now.get(`vllm:request_success_total{${LABELS},finished_reason="length"}`)).toBe(2);
  expect(now.get(`vllm:time_to_first_token_seconds_count{${LABELS}}`)).toBe(2);
  expect(now.get(`vllm:e2e_request_latency_seconds_count{${LABELS}}`)).toBe(2);
  expect(now.get(`vllm:num_preemptions_total{${LABELS}}`)).toBe(0);
});

test("gauges show what waits and runs, and the cache that running requests hold", async () => {
  const { server, get, post } = await startedServer({ speed: 1, sequencesMax: 1, kvBlocks: 100 });
  const body = chat("hello", { max_tokens: 300 });
  const answers = Promise.allSettled([
    post("/v1/chat/completions", body),
    post("/v1/chat/completions", body),
  ]);
  await expect
    .poll(async () => (await series(get)).get(`vllm:num_requests_waiting{${LABELS}}`))
    .toBe(1);
  const now = await series(get);
  expect(now.get(`vllm:num_requests_running{${LABELS}}`)).toBe(1);
  expect(now.get(`vllm:kv_cache_usage_perc{${LABELS}}`)).toBeGreaterThan(0);
  server.app.server.closeAllConnections();
  await answers;
});

test("cache and adapters are told by labels", async () => {
  const { server, get, post } = await startedServer({
    kvBlocks: 500,
    blockTokens: 32,
    adapters: ["poet"],
    adaptersMax: 2,
  });
  server.engine.sleep();
  const answer = post("/v1/chat/completions", chat("hello", { model: "poet" }));
  await expect.poll(() => server.engine.scheduler.waiting.length).toBe(1);
  const names = [...(await series(get)).keys()];
  const config = names.find((name) => name.startsWith("vllm:cache_config_info"));
  expect(config).toContain('block_size="32"');
  expect(config).toContain('num_gpu_blocks="500"');
  expect(names).toContain(
    'vllm:lora_requests_info{max_lora="2",waiting_lora_adapters="poet",running_lora_adapters=""}',
  );
  expect(names).toContain(`vllm:engine_sleep_state{${LABELS},sleep_state="awake"}`);
  server.engine.wakeUp();
  await answer;
});
