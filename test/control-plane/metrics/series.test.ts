import { expect, it } from "vitest";
import { nameHash } from "../../../control-plane/hints/name-hash.ts";
import { REASON_FILTERED } from "../../../protocol/reasons.ts";
import * as wire from "../../../protocol/records.ts";
import { startingEach } from "../hints/started.ts";

const { start } = startingEach();
async function reported(...done: object[]): Promise<{ text: string; address: string }> {
  const started = await start();
  const gateway = started.gateway("a");
  const { slot, address } = (await gateway.poll())!.endpoints[0]!;
  await gateway.report((records) => {
    for (const fields of done) records.done({ slot, ...fields });
  });
  return { text: await started.metrics(), address };
}

it("an ended request counts under own and upstream's names", async () => {
  const { text, address } = await reported({
    ...{ promptBytes: 4000, matchedBytes: 2000, promptTokens: 1000, cachedTokens: 480 },
    ...{ completionTokens: 20, firstByteMs: 30, totalMs: 900, flags: wire.DONE_FLAG_STREAMED },
  });
  const own = `pool="pool",endpoint="${address}"`;
  const upstream =
    'model_name="unknown",target_model_name="unknown",fairness_id="default-flow",priority="0"';
  for (const line of [
    `hintway_picks_total{${own},stage="fresh",reason="prefix",status="200"} 1`,
    `hintway_ttft_seconds_sum{${own}} 0.03`,
    `hintway_duration_seconds_sum{${own}} 0.9`,
    `hintway_cached_tokens_total{${own},source="reported"} 480`,
    `hintway_cached_tokens_total{${own},source="believed"} 500`,
    `llm_d_epp_request_total{${upstream}} 1`,
    `llm_d_epp_request_ttft_seconds_sum{${upstream},streaming="true"} 0.03`,
    `llm_d_epp_request_input_tokens_sum{${upstream}} 1000`,
    `llm_d_epp_request_output_tokens_sum{${upstream}} 20`,
    `llm_d_epp_request_cached_tokens_sum{${upstream}} 480`,
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  expect(text).not.toContain("request_error_total{");
});

it("tokens and a first byte that were not told are not counted", async () => {
  const { text } = await reported({ totalMs: 5, status: 503, flags: wire.DONE_FLAG_LOCAL });
  expect(text).toMatch(/llm_d_epp_request_error_total\{.*error_code="503"\} 1/);
  expect(text).not.toContain("hintway_ttft_seconds_sum{");
  expect(text).not.toContain("llm_d_epp_request_input_tokens_sum{");
  expect(text).not.toContain("hintway_tokens_total{");
});

it("stages, cut streams and picks without effect have series of their own", async () => {
  const flags = wire.DONE_FLAG_CUT | wire.DONE_FLAG_NO_EFFECT;
  const { text } = await reported({ stage: wire.STAGE_BLIND, flags });
  expect(text).toMatch(/hintway_picks_total\{.*stage="blind".*\} 1/);
  expect(text).toMatch(/hintway_streams_cut_total\{.*\} 1/);
  expect(text).toMatch(/hintway_picks_without_effect_total\{.*\} 1/);
});

it("a request that nobody served counts for the pool that was found for it", async () => {
  const { text } = await reported({ slot: wire.NO_SLOT, pool: 0, flags: wire.DONE_FLAG_LOCAL });
  expect(text).toMatch(/hintway_picks_total\{pool="pool",endpoint="".*\} 1/);
});

it("a model is named when an engine has told the name, and unknown otherwise", async () => {
  const started = await start();
  started.engines[0]!.adapters = ["sql-lora"];
  const gateway = started.gateway("a");
  const { slot } = (await gateway.poll())!.endpoints[0]!;
  await gateway.pollUntil(({ loads }) => loads.some(({ adapters }) => adapters.active === 1));
  await gateway.report((records) => {
    records.done({ slot, model: nameHash("sql-lora") });
    records.done({ slot, model: nameHash("base") });
    records.done({ slot, model: nameHash("somebody-else") });
  });
  const text = await started.metrics();
  expect(text).toMatch(/llm_d_epp_request_total\{model_name="sql-lora".*\} 1/);
  expect(text).toMatch(/llm_d_epp_request_total\{model_name="base".*\} 1/);
  expect(text).toMatch(/llm_d_epp_request_total\{model_name="unknown".*\} 1/);
});

it("pool gauges have upstream's names, old and new", async () => {
  const started = await start();
  started.engines[0]!.waiting = 6;
  started.engines[1]!.kvUse = 0.5;
  const gateway = started.gateway("a");
  await gateway.pollUntil(({ loads }) => loads.some(({ waiting }) => waiting === 6));
  await expect.poll(() => started.metrics()).toContain('utilization{name="pool"} 0.25');
  const text = await started.metrics();
  for (const line of [
    'llm_d_epp_average_queue_size{name="pool"} 3',
    'inference_pool_average_queue_size{name="pool"} 3',
    'llm_d_epp_ready_endpoints{name="pool"} 2',
    'inference_pool_ready_pods{name="pool"} 2',
    `inference_pool_per_pod_queue_size{name="pool",model_server_pod="${started.engines[0]!.address}"} 6`,
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

it("an endpoint that is gone leaves no series behind", async () => {
  const clock = { aheadMs: 0 };
  const started = await start({ clock });
  const gateway = started.gateway("a");
  const { slot, address } = (await gateway.poll())!.endpoints[1]!;
  await gateway.report((records) => {
    records.done({ slot, totalMs: 5, firstByteMs: 1, cachedTokens: 3 });
    records.leg({ slot, outcome: wire.LEG_SERVED, ms: 3, parametersBytes: 9 });
  });
  expect(await started.metrics()).toMatch(RegExp(`prefill_legs_total{.*"${address}"`));
  started.list(started.listed(1));
  clock.aheadMs = 120_000;
  await expect.poll(() => started.metrics(), { timeout: 10_000 }).not.toContain(address);
});

it("what was not picked counts by its reason and its objective's priority, and has no first byte", async () => {
  const { text } = await reported({
    ...{ slot: wire.NO_SLOT, pool: 0, status: 429, flags: wire.DONE_FLAG_LOCAL },
    ...{ reason: REASON_FILTERED, priority: -2, firstByteMs: 0 },
  });
  const lines = text.split("\n");
  expect(lines).toContain('hintway_refused_total{pool="pool",reason="filtered",priority="-2"} 1');
  expect(text).toMatch(/llm_d_epp_request_error_total\{.*priority="-2",error_code="429"\} 1/);
  expect(text).not.toContain("hintway_ttft_seconds_sum{");
});

it("a pick of shadow mode counts by whether it was followed, with what either endpoint holds", async () => {
  const shadow = { flags: wire.DONE_FLAG_SHADOW, promptBytes: 4000, matchedBytes: 0 };
  const { text } = await reported(
    { ...shadow, pickedMatchedBytes: 2000, cachedTokens: 0 },
    { ...shadow, pickedSlot: wire.NO_SLOT },
    { ...shadow, pickedSlot: wire.NO_SLOT, reason: REASON_FILTERED },
  );
  const lines = text.split("\n");
  expect(lines).toContain('hintway_shadow_picks_total{pool="pool",same="true"} 1');
  expect(lines).toContain('hintway_shadow_picks_total{pool="pool",same="false"} 1');
  expect(lines).toContain('hintway_shadow_cached_tokens_total{pool="pool",on="picked"} 500');
  expect(lines).toContain('hintway_shadow_cached_tokens_total{pool="pool",on="served"} 0');
  expect(lines).toContain('hintway_mode_info{mode="active"} 1');
});
