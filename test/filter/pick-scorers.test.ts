import { describe, expect, test } from "vitest";
import * as profile from "../../protocol/profile.ts";
import { ask, destinationsOf } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { type StepHint, tableOf } from "../support/hints-written.ts";
import type { Vm } from "../support/host-emulator/vm.ts";
import { type BenchEndpoint, KIB, picksOf, scoresOf, startBench } from "../support/pick-bench.ts";

// Expected numbers are worked out by hand from the definitions of llm-d-router's scorers.

interface Case {
  readonly what: string;
  readonly step: StepHint;
  readonly endpoints: readonly BenchEndpoint[];
  readonly scores: readonly number[];
  readonly promptKib?: number;
}

function check({ step, endpoints, scores, promptKib }: Case): void {
  expect(scoresOf({ steps: [step], endpoints, ...(promptKib && { promptKib }) })).toEqual(scores);
}

const waiting = (...counts: number[]): BenchEndpoint[] =>
  counts.map((count) => ({ waiting: count }));
const running = (...counts: number[]): BenchEndpoint[] =>
  counts.map((count) => ({ running: count }));
const requests = (...counts: number[]): BenchEndpoint[] =>
  counts.map((count) => ({ otherRequests: count }));

describe("the pushed score", () => {
  test.each<Case>([
    {
      what: "counts as the control plane summed it, not clamped",
      step: { operation: profile.SCORE_PUSHED },
      endpoints: [{ score: 0.25 }, { score: 3 }, { score: -1 }],
      scores: [0.25, 3, -1],
    },
  ])("$what", check);
});

describe("the queue scorer", () => {
  const step = { operation: profile.SCORE_QUEUE };
  test.each<Case>([
    {
      what: "is (most − waiting) / (most − least)",
      step,
      endpoints: waiting(0, 5, 10),
      scores: [1, 0.5, 0],
    },
    { what: "starts from the least", step, endpoints: waiting(4, 7, 5), scores: [1, 0, 0.667] },
    { what: "is 1 for all that are equal", step, endpoints: waiting(3, 3, 3), scores: [1, 1, 1] },
    { what: "is 1 for one alone", step, endpoints: waiting(9), scores: [1] },
  ])("$what", check);
});

describe("the running-requests-size scorer", () => {
  const step = { operation: profile.SCORE_RUNNING };
  test.each<Case>([
    {
      what: "is (most − running) / (most − least)",
      step,
      endpoints: running(2, 2, 6),
      scores: [1, 1, 0],
    },
    { what: "is 1 for all that are equal", step, endpoints: running(0, 0), scores: [1, 1] },
  ])("$what", check);
});

describe("the active-request scorer", () => {
  const step = (...parameters: number[]): StepHint => ({
    operation: profile.SCORE_ACTIVE_REQUEST,
    parameters,
  });
  test.each<Case>([
    {
      what: "is (most − count) / most",
      step: step(0, 1),
      endpoints: requests(0, 1, 4),
      scores: [1, 0.75, 0],
    },
    {
      what: "is 1 up to the idle threshold",
      step: step(2, 0.5),
      endpoints: requests(2, 3, 4),
      scores: [1, 0.125, 0],
    },
    {
      what: "is 1 where nothing is in flight",
      step: step(0, 1),
      endpoints: requests(0, 0),
      scores: [1, 1],
    },
    { what: "is clamped to 1", step: step(0, 3), endpoints: requests(1, 4), scores: [1, 0] },
  ])("$what", check);
});

describe("the token-load scorer", () => {
  const step = (threshold: number): StepHint => ({
    operation: profile.SCORE_TOKEN_LOAD,
    parameters: [threshold],
  });
  const backlog = (bytes: number): BenchEndpoint => ({ otherBacklogBytes: bytes });
  test.each<Case>([
    {
      what: "is 1 − (backlog + uncached) / threshold, in tokens of four bytes",
      step: step(4096),
      promptKib: 4,
      // (0 + 1024) / 4096, (4096 + 1024) / 4096 is over 1, (2048 + 1024) / 4096
      endpoints: [backlog(0), backlog(16_384), backlog(8_192)],
      scores: [0.75, 0, 0.25],
    },
    {
      what: "counts only what an endpoint does not hold of the prompt",
      step: step(1024),
      promptKib: 4,
      endpoints: [{ holds: 1 }, { holds: 3 }, {}],
      scores: [0.25, 0.75, 0],
    },
  ])("$what", check);
});

describe("the prefix-cache scorer", () => {
  const step = (...parameters: number[]): StepHint => ({
    operation: profile.SCORE_PREFIX,
    parameters,
  });
  const endpoints = [{ holds: 8 }, { holds: 4 }, { holds: 0 }];
  test.each<Case>([
    {
      what: "is matched / total",
      step: step(0, 8192),
      promptKib: 8,
      endpoints,
      scores: [1, 0.5, 0],
    },
    {
      what: "squares the matched length by its scale where that has a weight",
      // 8 KiB are 2,048 tokens: 0.5 · (2048/4096)² + 0.5 · 1, and 0.5 · (1024/4096)² + 0.5 · 0.5
      step: step(0.5, 4096),
      promptKib: 8,
      endpoints,
      scores: [0.625, 0.281, 0],
    },
    {
      what: "takes no length beyond the scale",
      step: step(1, 512),
      promptKib: 8,
      endpoints,
      scores: [1, 1, 0],
    },
    { what: "is 0 without a prompt", step: step(0, 8192), endpoints, scores: [0, 0, 0] },
  ])("$what", check);
});

describe("the lora-affinity scorer", () => {
  const others = ["a", "b"];
  test("is 1 active, 0.8 with room, 0.6 waiting, 0 full", () => {
    const endpoints = [
      { adaptersMost: 2, adaptersActive: ["a", "llama"] },
      { adaptersMost: 3, adaptersActive: others },
      { adaptersMost: 3, adaptersActive: others, adaptersWaiting: ["llama"] },
      { adaptersMost: 2, adaptersActive: others },
      { adaptersMost: 0 },
    ];
    const steps = [{ operation: profile.SCORE_LORA }];
    expect(scoresOf({ steps, endpoints, promptKib: 1 })).toEqual([1, 0.8, 0.6, 0, 0]);
  });
});

describe("the no-hit-lru scorer", () => {
  const steps = [{ operation: profile.SCORE_NO_HIT_LRU, parameters: [1024] }];
  test("ranks endpoints never used for a cold prompt first: 1 − rank / (count − 1)", () => {
    expect(scoresOf({ steps, endpoints: [{}, {}, {}], promptKib: 1 })).toEqual([1, 0.5, 0]);
  });

  test("is 0.5 for all where any holds some of the prompt", () => {
    const endpoints = [{}, { holds: 1 }, {}];
    expect(scoresOf({ steps, endpoints, promptKib: 2 })).toEqual([0.5, 0.5, 0.5]);
  });

  test("sends cold prompts round, the least recently used first", () => {
    const gateway = startBench({ steps, endpoints: [{}, {}, {}] });
    const picks = [1, 2, 3, 5, 6, 7].map((kib) => {
      const bench = { steps, endpoints: [], promptKib: kib };
      return picksOf(bench, gateway)[0];
    });
    expect(picks).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test("ranks one alone first", () => {
    expect(scoresOf({ steps, endpoints: [{}], promptKib: 1 })).toEqual([1]);
  });

  test("remembers no more endpoints than it is told", () => {
    const two = [{ operation: profile.SCORE_NO_HIT_LRU, parameters: [2] }];
    const gateway = startBench({ steps: two, endpoints: [{}, {}, {}] });
    const pick = (kib: number) =>
      picksOf({ steps: two, endpoints: [], promptKib: kib }, gateway)[0];
    // After the third pick, the first is forgotten: it scores like one never used.
    expect([1, 2, 3, 5].map(pick)).toEqual([0, 1, 2, 0]);
    // Left are 2 and 0, and 1 is forgotten.
    expect(pick(6)).toBe(1);
  });

  test("counts what siblings picked", () => {
    const hints = tableOf(2, {}, { steps });
    const gateway = new FilteredGateway({ workers: 2, hints });
    const [one, other] = gateway.workers;
    const cold = (worker: Vm, letter: string) =>
      destinationsOf(ask(worker, { prompt: letter.repeat(3 * KIB) }))[0];
    const first = cold(one!, "a");
    gateway.run(50);
    expect(cold(other!, "b")).not.toBe(first);
  });

  test("does not count the pick of a warm prompt", () => {
    const queue = { operation: profile.SCORE_QUEUE, weight: 2 };
    const bench = { steps: [queue, ...steps], endpoints: [{ holds: 1, waiting: 9 }, {}] };
    const gateway = startBench({ ...bench, promptKib: 2 });
    expect(picksOf({ ...bench, promptKib: 2 }, gateway)[0]).toBe(1);
    const scorers = { steps: bench.steps, endpoints: [], promptKib: 9 };
    gateway.hint(startTable(steps));
    expect(picksOf(scorers, gateway)[0]).toBe(0);
  });
});

describe("several scorers", () => {
  const queue = { operation: profile.SCORE_QUEUE, weight: 2 };
  const requestsStep = { operation: profile.SCORE_RUNNING, weight: 0.5 };
  const endpoints = [
    { waiting: 0, running: 8 },
    { waiting: 1, running: 0 },
    { waiting: 4, running: 4 },
  ];
  test("are summed by weight and not divided by it", () => {
    const steps = [queue, requestsStep];
    expect(scoresOf({ steps, endpoints })).toEqual([2, 2, 0.25]);
  });

  test("are clamped one by one before they are weighted", () => {
    const over = { operation: profile.SCORE_ACTIVE_REQUEST, weight: 3, parameters: [0, 9] };
    const loads = [{ otherRequests: 1 }, { otherRequests: 8 }];
    expect(scoresOf({ steps: [over], endpoints: loads })).toEqual([3, 0]);
  });

  test("are none where the profile has none: all score 0, and one is picked", () => {
    expect(scoresOf({ steps: [], endpoints })).toEqual([0, 0, 0]);
    expect(picksOf({ steps: [], endpoints })).toHaveLength(3);
  });
});

function startTable(steps: StepHint[]): Buffer {
  return tableOf(2, {}, { steps });
}
