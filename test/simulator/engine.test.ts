import fc from "fast-check";
import { expect, test } from "vitest";
import { blockKeys } from "../../simulator/block-keys.ts";
import { Engine } from "../../simulator/engine.ts";
import { KvCache } from "../../simulator/kv-cache.ts";
import type { FinishReason, Sequence, Work } from "../../simulator/sequence.ts";
import { PROFILES, stepMs } from "../../simulator/timing.ts";
import { idsPrompt } from "../../simulator/tokens.ts";
import { ManualClock } from "./manual-clock.ts";

const profile = PROFILES["hintway-sim"] as (typeof PROFILES)[string];
const BLOCK_TOKENS = 16;

interface Asked {
  prompt: number[];
  output: number;
  streamed?: boolean;
  adapter?: string;
}

function world(kvBlocks = 1000, limits = {}) {
  const clock = new ManualClock();
  const cache = new KvCache(kvBlocks);
  const all = { blockTokens: BLOCK_TOKENS, sequencesMax: 256, adaptersMax: 4, ...limits };
  const engine = new Engine(profile, clock, cache, all);
  const ended: { sequence: Sequence; reason: FinishReason }[] = [];
  const submit = ({ prompt, output, streamed = false, adapter }: Asked) =>
    engine.submit({
      blocks: blockKeys(idsPrompt(prompt), adapter ?? "", BLOCK_TOKENS),
      promptTokens: prompt.length,
      outputTokens: output,
      finishReason: "length",
      adapter,
      streamed,
      onTokens() {},
      onEnd: (sequence, reason) => ended.push({ sequence, reason }),
    } satisfies Work);
  return { clock, cache, engine, ended, submit };
}

function ids(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

function prefillMs(tokens: number, contextBefore = 0): number {
  const attentionPairs = tokens * (contextBefore + tokens / 2);
  return stepMs(profile, { prefillTokens: tokens, attentionPairs, sequences: 0, contextTokens: 0 });
}

test("a cached prefix shortens prefill to what is not cached, the last token always computed", () => {
  const { clock, submit } = world();
  const cold = submit({ prompt: ids(640), output: 1 });
  clock.runUntil(1000);
  const warm = submit({ prompt: ids(640), output: 1 });
  clock.runUntil(2000);
  expect(cold.firstTokenAtMs).toBeCloseTo(prefillMs(640), 6);
  expect(warm.cachedTokens).toBe(624);
  expect(warm.firstTokenAtMs - 1000).toBeCloseTo(prefillMs(16, 624), 6);
});

test("a prompt that is still being computed can be matched, as in vLLM", () => {
  const { clock, submit } = world();
  const all = ids(8).map((user) =>
    submit({ prompt: [...ids(512), ...ids(128, 10_000 * user + 1)], output: 1 }),
  );
  clock.runUntil(Number.POSITIVE_INFINITY);
  expect(all.map((sequence) => sequence.cachedTokens)).toEqual([0, ...ids(7).map(() => 512)]);
});

test("load slows every request", () => {
  const alone = world();
  const lonely = alone.submit({ prompt: ids(100), output: 50 });
  alone.clock.runUntil(Number.POSITIVE_INFINITY);
  const crowd = world();
  const all = ids(40).map((i) => crowd.submit({ prompt: ids(2000, 100_000 * i), output: 50 }));
  crowd.clock.runUntil(Number.POSITIVE_INFINITY);
  for (const sequence of all) expect(sequence.endedAtMs).toBeGreaterThan(lonely.endedAtMs * 1.5);
});

test("prompts beyond one step's token budget are computed in chunks", () => {
  const { clock, submit } = world(2000);
  const sequence = submit({ prompt: ids(20_000), output: 1 });
  clock.runUntil(Number.POSITIVE_INFINITY);
  const expected = prefillMs(8192) + prefillMs(8192, 8192) + prefillMs(3616, 16_384);
  expect(sequence.firstTokenAtMs).toBeCloseTo(expected, 6);
});

test("requests beyond max_num_seqs wait in order of arrival", () => {
  const { clock, engine, ended, submit } = world(1000, { sequencesMax: 2 });
  const all = ids(5).map((i) => submit({ prompt: ids(20, 1000 * i), output: 10 }));
  clock.runUntil(20);
  expect(engine.published()).toMatchObject({ running: 2, waiting: 3 });
  clock.runUntil(Number.POSITIVE_INFINITY);
  expect(ended.map((end) => end.sequence)).toEqual(all);
});

test("what is published follows the steps of a stretch that nobody streams", () => {
  const { clock, engine, submit } = world();
  submit({ prompt: ids(20), output: 200 });
  clock.runUntil(50);
  expect(engine.published()).toEqual({ running: 1, waiting: 0, usedBlocks: 2 });
  clock.runUntil(300);
  expect(engine.published()).toEqual({ running: 1, waiting: 0, usedBlocks: 4 });
});

test("a prompt waits until all of it fits in the cache", () => {
  const { clock, engine, submit } = world(20);
  submit({ prompt: ids(200), output: 60 });
  const second = submit({ prompt: ids(200, 5000), output: 60 });
  clock.runUntil(50);
  expect(engine.scheduler.running.length).toBe(1);
  expect(engine.scheduler.waiting).toEqual([second]);
});

test("requests for more adapters than may run at once wait, others pass them", () => {
  const { clock, engine, submit } = world(1000, { adaptersMax: 1 });
  submit({ prompt: ids(20), output: 30, adapter: "a" });
  const held = submit({ prompt: ids(20, 100), output: 30, adapter: "b" });
  submit({ prompt: ids(20, 200), output: 30 });
  clock.runUntil(50);
  expect(engine.scheduler.running.map((sequence) => sequence.work.adapter)).toEqual([
    "a",
    undefined,
  ]);
  expect(engine.scheduler.waiting).toEqual([held]);
});

test("when decoding runs out of blocks the youngest is preempted and still gets all its tokens", () => {
  const { clock, engine, ended, submit } = world(30);
  submit({ prompt: ids(200), output: 200 });
  submit({ prompt: ids(200, 5000), output: 200 });
  clock.runUntil(Number.POSITIVE_INFINITY);
  expect(engine.scheduler.totals.preemptions).toBeGreaterThan(0);
  expect(ended.map((end) => end.sequence.made)).toEqual([200, 200]);
  expect(engine.scheduler.cache.usedBlocks).toBe(0);
});

test("an aborted request gives its blocks back", () => {
  const { clock, engine, ended, submit } = world();
  const running = submit({ prompt: ids(200), output: 2000, streamed: true });
  clock.runUntil(100);
  expect(engine.scheduler.cache.usedBlocks).toBeGreaterThan(0);
  engine.abort(running);
  clock.runUntil(200);
  expect(engine.scheduler.cache.usedBlocks).toBe(0);
  expect(ended).toEqual([{ sequence: running, reason: "abort" }]);
});

test("a sleeping engine holds requests, and wakes with an empty cache", () => {
  const { clock, engine, ended, submit } = world();
  submit({ prompt: ids(64), output: 1 });
  clock.runUntil(1000);
  engine.sleep();
  const held = submit({ prompt: ids(64), output: 1 });
  clock.runUntil(5000);
  expect(engine.published()).toEqual({ running: 0, waiting: 1, usedBlocks: 0 });
  engine.wakeUp();
  clock.runUntil(9000);
  expect(ended.length).toBe(2);
  expect(held.cachedTokens).toBe(0);
});

test("an idle engine holds no timer", () => {
  const { clock, submit } = world();
  submit({ prompt: ids(64), output: 20 });
  clock.runUntil(Number.POSITIVE_INFINITY);
  expect(clock.pendingWakes).toBe(0);
});

const arrivals = fc.array(
  fc.record({
    gapMs: fc.integer({ min: 0, max: 120 }),
    start: fc.integer({ min: 0, max: 3 }),
    prompt: fc.integer({ min: 1, max: 300 }),
    output: fc.integer({ min: 1, max: 60 }),
  }),
  { minLength: 1, maxLength: 25 },
);

function play(plan: typeof arrivals extends fc.Arbitrary<infer T> ? T : never, streamed: boolean) {
  const { clock, cache, ended, submit } = world(24, { sequencesMax: 6 });
  let atMs = 0;
  for (const { gapMs, start, prompt, output } of plan) {
    atMs += gapMs;
    clock.runUntil(atMs);
    expect(cache.usedBlocks).toBeLessThanOrEqual(cache.blockCount);
    submit({ prompt: ids(prompt, start * 1000), output, streamed });
  }
  clock.runUntil(Number.POSITIVE_INFINITY);
  return { cache, ended };
}

test("whatever arrives, everything ends with all its tokens and no block stays held", () => {
  fc.assert(
    fc.property(arrivals, (plan) => {
      const { cache, ended } = play(plan, false);
      expect(ended.length).toBe(plan.length);
      for (const { sequence } of ended) expect(sequence.made).toBe(sequence.work.outputTokens);
      expect(cache.usedBlocks).toBe(0);
      expect(cache.freeCachedBlocks).toBeLessThanOrEqual(cache.blockCount);
    }),
  );
});

test("stretches of steps as one event give the same times as one event a step", () => {
  fc.assert(
    fc.property(arrivals, (plan) => {
      const ends = (streamed: boolean) =>
        play(plan, streamed).ended.map(({ sequence }) => sequence.endedAtMs);
      const stepByStep = ends(true);
      for (const [i, endMs] of ends(false).entries()) expect(stepByStep[i]).toBeCloseTo(endMs, 5);
    }),
  );
});
