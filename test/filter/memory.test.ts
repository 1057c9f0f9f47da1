import { beforeEach, describe, expect, test } from "vitest";
import { INDEX_KEYS_MAX } from "../../protocol/limits.ts";
import { SCORE_QUEUE } from "../../protocol/profile.ts";
import { ask, chatBody, destinationsOf, explained, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { hintsFrame, tableOf } from "../support/hints-written.ts";

const MEMORY_BYTES_MAX = 64 * 1024 * 1024;
const SLOTS = 4;
/** Entries of one frame: some stay below the frame's limit. */
const FRAME_ENTRIES = 250_000;

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway({ vm: { isRecording: false } });
});

/** A table whose endpoints hold `blocks` blocks in all. */
function table(blocks: number): Buffer {
  const endpoints = Array.from({ length: SLOTS }, (_, slot) => ({
    slot,
    capacityBlocks: blocks / SLOTS,
  }));
  const settings = { indexKeysMax: INDEX_KEYS_MAX, bodyBytesMax: 33_554_432 };
  const pool = { steps: [{ operation: SCORE_QUEUE }] };
  return tableOf(0, { settings: { ...settings, heldBytesMax: 67_108_864 }, endpoints }, pool);
}

/** Tells of keys that nobody else has, spread over all endpoints. */
function fill(from: number, count: number): void {
  for (let done = 0; done < count; done += FRAME_ENTRIES) {
    const entries = Array.from({ length: Math.min(FRAME_ENTRIES, count - done) }, (_, index) => ({
      key: (BigInt(from + done + index + 1) * 0x9e37_79b9_7f4a_7c15n) & 0xffff_ffff_ffff_ffffn,
      ageBlocks: 0,
    }));
    const slots = Array.from({ length: SLOTS }, (_, slot) => ({
      slot,
      entries: entries.filter((_entry, index) => index % SLOTS === slot),
    }));
    gateway.hint(hintsFrame({ entries: slots }));
  }
}

function indexGauge(name: string): number | undefined {
  gateway.run(300);
  return gateway.metric(`hintway.machine_0.${name}`);
}

describe("a machine's memory", () => {
  test("holds as many keys as all pools may have within 64 MiB, also where the table grew", () => {
    let told = 0;
    for (const keys of [40_000, 300_000, INDEX_KEYS_MAX]) {
      gateway.hint(table(keys));
      fill(told, keys - told);
      told = keys;
    }
    expect(indexGauge("index_keys")).toBe(INDEX_KEYS_MAX);
    expect(indexGauge("index_keys_refused")).toBe(0);
    for (let times = 0; times < 200; times++) {
      serve(ask(gateway.worker, { prompt: `${times} `.repeat(5_000) }));
      gateway.run(5);
    }
    expect(gateway.worker.memory.bytes).toBeLessThanOrEqual(MEMORY_BYTES_MAX);
  });

  test("is as large after bodies of every size, blanked or not, as before", () => {
    gateway.hint(table(4_000));
    for (let bytes = 1_000; bytes < 33_000_000; bytes *= 3) {
      const plain = chatBody("x".repeat(bytes));
      serve(ask(gateway.worker, { body: plain }));
      serve(ask(gateway.worker, { body: `${plain.slice(0, -1)},"bootstrap_room":7}` }));
      gateway.run(20);
    }
    expect(gateway.counter("members_stripped")).toBe(10);
    expect(gateway.worker.memory.bytes).toBeLessThanOrEqual(MEMORY_BYTES_MAX);
  });
});

test("a member at the end of a body of many slices is blanked, and nothing else is", () => {
  const words = Array.from({ length: 60_000 }, (_, index) => `w${index}`).join(" ");
  const plain = chatBody(words);
  const member = ',"kv_transfer_params":{"a":[1,2]}';
  gateway.hint(table(4_000));
  const request = ask(gateway.worker, { body: `${plain.slice(0, -1)}${member}}` });
  const sent = request.sentToEndpoint.bodyText;
  expect(sent).toBe(`${plain.slice(0, -1)}${" ".repeat(member.length)}}`);
});

test("an index that grows still knows what it knew", () => {
  gateway.hint(table(4_000));
  const prompts = Array.from({ length: 20 }, (_, index) => `${index} of the sea `.repeat(400));
  const before = prompts.map((prompt) => destinationsOf(ask(gateway.worker, { prompt }))[0]);
  for (const keys of [20_000, 80_000, 500_000, INDEX_KEYS_MAX]) gateway.hint(table(keys));
  for (const [index, prompt] of prompts.entries()) {
    const { candidates } = explained(gateway.worker, { prompt });
    const holder = candidates.find(({ endpoint }) => endpoint === before[index]);
    expect(holder?.matchedKeys).toBeGreaterThan(3);
  }
});
