import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  FLAG_WHOLE_TABLE,
  FRAME_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  sealFrame,
} from "../../protocol/frame.ts";
import {
  ADAPTERS_MAX,
  CAPACITY_BLOCKS_MAX,
  FRAME_BYTES_MAX,
  INDEX_KEYS_MAX,
  POOL_ENDPOINTS_MAX,
  POOLS_MAX,
  PROFILE_STEPS_MAX,
  REWRITE_RULES_MAX,
  SLOTS_MAX,
} from "../../protocol/limits.ts";
import { SCORE_PUSHED, SCORE_TOKEN_COST } from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";
import { ask, chatBody, destinationsOf, explained, HEADERS } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import {
  addressOf,
  GENERATION,
  type HintsHint,
  hintsFrame,
  type StepHint,
  tableOf,
} from "../support/hints-written.ts";

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway();
});

/** Endpoints a request may go to. */
function endpoints(): string[] {
  return destinationsOf(ask(gateway.worker)).sort();
}

/** Seals the records of a frame anew, so that only what a test changed is wrong. */
function resealed(frame: Buffer): Buffer {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  sealFrame(view, 0, frame.length - FRAME_HEADER_BYTES, 1, FLAG_WHOLE_TABLE, GENERATION, 0);
  return frame;
}

/** A sound whole table whose first record of a kind has another number at an offset. */
function changed(hints: HintsHint, kind: number, offset: number, value: number): Buffer {
  const frame = tableOf(1, hints);
  for (let at = FRAME_HEADER_BYTES; at < frame.length; ) {
    const body = at + RECORD_HEADER_BYTES;
    if (frame.readUInt16LE(at) === kind) {
      frame.writeUInt32LE(value, body + offset);
      return resealed(frame);
    }
    at = body + frame.readUInt32LE(at + 4);
  }
  throw new Error(`the frame has no record of kind ${kind}`);
}

const RULE = wire.REWRITES_BYTES;
const TARGET = RULE + wire.RULE_BYTES;

/** A table with one rule, in whose record one number is another. */
function rewriting(offset: number, value: number): Buffer {
  const rule = { model: "a", pool: null, targets: [{ model: "bcd", weight: 1 }] };
  return changed({ rewrites: [rule] }, wire.REWRITES, offset, value);
}

function withoutRecordEnd(frame: Buffer): Buffer {
  const cut = Buffer.from(frame.subarray(0, frame.length - 4));
  return resealed(cut);
}

describe("hints are refused whole, and the table in force stays, where they", () => {
  const whole = tableOf(1);
  const manyEndpoints = Array.from({ length: POOL_ENDPOINTS_MAX + 1 }, (_, slot) => ({ slot }));
  const manySteps = Array.from({ length: PROFILE_STEPS_MAX + 1 }, () => ({
    operation: SCORE_PUSHED,
  }));
  const manyAdapters = Array.from({ length: ADAPTERS_MAX + 1 }, (_, index) => `a${index}`);
  test.each<[string, Buffer]>([
    ["are empty", Buffer.alloc(0)],
    ["are cut in the header", whole.subarray(0, 20)],
    ["are cut in the records", whole.subarray(0, whole.length - 4)],
    ["are longer than they say", Buffer.concat([whole, Buffer.alloc(4)])],
    ["are of a later version", hintsFrame({ pools: [{}], version: 2 })],
    ["are of no version", hintsFrame({ pools: [{}], version: 0 })],
    ["are over the frame's limit", resealed(Buffer.alloc(FRAME_BYTES_MAX + 4))],
    ["end within a record", withoutRecordEnd(whole)],
    ["name a slot over the limit", changed({}, wire.ENDPOINT, wire.ENDPOINT_SLOT, SLOTS_MAX)],
    ["name a pool over the limit", changed({}, wire.POOL, wire.POOL_NUMBER, POOLS_MAX)],
    ["put an endpoint in such a pool", changed({}, wire.ENDPOINT, wire.ENDPOINT_POOL, POOLS_MAX)],
    [
      "have an address that is too long",
      changed({}, wire.ENDPOINT, wire.ENDPOINT_ADDRESS_BYTES, 57),
    ],
    ["have an empty address", changed({}, wire.ENDPOINT, wire.ENDPOINT_ADDRESS_BYTES, 0)],
    [
      "have a line break in an address",
      tableOf(0, { endpoints: [{ slot: 0, address: "1.2.3.4:80\r" }] }),
    ],
    [
      "have a list as an address",
      tableOf(0, { endpoints: [{ slot: 0, address: "1.2.3.4:80,5.6.7.8:80" }] }),
    ],
    ["have blocks too small", changed({}, wire.POOL, wire.POOL_BLOCK_BYTES, 128)],
    ["have blocks that are no stripes", changed({}, wire.POOL, wire.POOL_BLOCK_BYTES, 1000)],
    ["say more steps than there are", changed({}, wire.POOL, wire.POOL_STEPS, 20)],
    ["say a longer name than there is", changed({}, wire.POOL, wire.POOL_NAME_BYTES, 0xffff_fff0)],
    ["say more adapters than there are", changed({}, wire.LOAD, wire.LOAD_ADAPTERS_ACTIVE, 3)],
    ["say more keys than there are", keysOverflow()],
    ["have too many rules", rewriting(wire.REWRITES_RULES, REWRITE_RULES_MAX + 1)],
    ["say more rules than there are", rewriting(wire.REWRITES_RULES, 2)],
    ["say more targets than there are", rewriting(wire.REWRITES_TARGETS, 9)],
    ["say more names than there are", rewriting(wire.REWRITES_TEXT_BYTES, 99)],
    ["have a rule of a pool over the limit", rewriting(RULE + wire.RULE_POOL, POOLS_MAX)],
    ["have a rule without targets", rewriting(RULE + wire.RULE_TARGETS, 0)],
    ["have a rule of targets that are none", rewriting(RULE + wire.RULE_FIRST, 1)],
    [
      "have a rule of more targets than there are",
      rewriting(RULE + wire.RULE_TARGETS, 0xffff_ffff),
    ],
    ["have a target without weight", rewriting(TARGET + wire.TARGET_WEIGHT, 0)],
    ["have a target of too much weight", rewriting(TARGET + wire.TARGET_WEIGHT, 1_000_001)],
    ["have a name outside of the text", rewriting(TARGET + wire.TARGET_TEXT, 0xffff_fff0)],
    ["have a name without quotes", rewriting(TARGET + wire.TARGET_TEXT_BYTES, 2)],
    ["have too long a name", rewriting(TARGET + wire.TARGET_TEXT_BYTES, 513)],
    ["tell a cache's use that is no number", using(Number.NaN)],
    ["tell a cache's use that is infinite", using(Number.POSITIVE_INFINITY)],
    ["weigh a step by no number", stepped({ operation: SCORE_PUSHED, weight: Number.NaN })],
    ["weigh a step absurdly", stepped({ operation: SCORE_PUSHED, weight: 1e9 })],
    [
      "have a step's parameter that is infinite",
      stepped({ operation: SCORE_TOKEN_COST, parameters: [2, Number.NEGATIVE_INFINITY] }),
    ],
    [
      "have a capacity over the limit",
      tableOf(0, { endpoints: [{ slot: 0, capacityBlocks: CAPACITY_BLOCKS_MAX + 1 }] }),
    ],
    ["let the index hold too much", tableOf(1, { settings: { indexKeysMax: INDEX_KEYS_MAX + 1 } })],
    ["have too many steps", hintsFrame({ pools: [{ steps: manySteps }] })],
    [
      "have too many adapters",
      tableOf(0, { endpoints: [{ slot: 0, adaptersActive: manyAdapters }] }),
    ],
    ["have too many endpoints in a pool", tableOf(0, { endpoints: manyEndpoints })],
  ])("%s", (_, frame) => {
    const before = endpoints();
    gateway.hint(frame);
    expect(endpoints()).toEqual(before);
    expect(gateway.counter("hints_refused")).toBe(1);
    expect(gateway.counter("hints_accepted")).toBe(1);
  });

  test("have any one byte changed", () => {
    const frame = tableOf(1, { picks: [{ slot: 0, keys: [1n, 2n] }] });
    const places = fc.integer({ min: 0, max: frame.length - 1 });
    let refused = 0;
    fc.assert(
      fc.property(places, fc.integer({ min: 1, max: 255 }), (place, difference) => {
        // The header's flags, generation and sender are not under the checksum.
        fc.pre((place !== 6 && place !== 7 && place < 16) || place >= FRAME_HEADER_BYTES);
        const flipped = Buffer.from(frame);
        flipped[place] = flipped[place]! ^ difference;
        gateway.run(600);
        gateway.hint(flipped);
        refused++;
        expect(endpoints()).toHaveLength(3);
      }),
      { numRuns: 300, seed: 5 },
    );
    expect(gateway.counter("hints_refused")).toBe(refused);
  });
});

function using(kvUse: number): Buffer {
  return tableOf(0, { endpoints: [{ slot: 0, kvUse }] });
}

function stepped(step: StepHint): Buffer {
  return hintsFrame({ pools: [{ steps: [step] }], endpoints: [{ slot: 0 }] });
}

function keysOverflow(): Buffer {
  const hints = { picks: [{ slot: 0, keys: [1n] }] };
  return changed(hints, wire.PICK, wire.PICK_KEYS, 0x2000_0001);
}

describe("a whole table", () => {
  test("replaces the one before: who is not named is gone", () => {
    gateway.hint(tableOf(0, { endpoints: [{ slot: 1 }] }));
    expect(endpoints()).toEqual([addressOf(1)]);
  });

  test("of another generation is taken, and loads of the one before no longer", () => {
    gateway.hint(tableOf(2, { generation: 5 }));
    gateway.hint(hintsFrame({ loads: [{ slot: 0, state: wire.STATE_DOWN }] }));
    expect(endpoints()).toEqual([addressOf(0), addressOf(1)]);
    gateway.hint(hintsFrame({ generation: 5, loads: [{ slot: 0, state: wire.STATE_DOWN }] }));
    expect(endpoints()).toEqual([addressOf(1)]);
  });

  test("holds a pool of as many endpoints as the limit says", () => {
    gateway.hint(tableOf(POOL_ENDPOINTS_MAX));
    expect(explained(gateway.worker).candidates.length).toBeGreaterThan(10);
    const { candidates, leftOut } = explained(gateway.worker);
    expect(candidates.length + leftOut).toBe(POOL_ENDPOINTS_MAX);
  });

  test("ignores kinds of record it does not know, and bytes behind the fields it knows", () => {
    const frame = tableOf(1);
    const later = Buffer.alloc(12);
    later.writeUInt16LE(999, 0);
    later.writeUInt32LE(4, 4);
    gateway.hint(resealed(Buffer.concat([frame, later])));
    expect(endpoints()).toEqual([addressOf(0)]);
  });
});

test("parts of a table in a frame that is not whole change nothing", () => {
  gateway.hint(hintsFrame({ flags: 0, pools: [{}], endpoints: [{ slot: 9 }] }));
  gateway.hint(hintsFrame({ endpoints: [{ slot: 8 }] }));
  expect(explained(gateway.worker).candidates).toHaveLength(3);
});

describe("an endpoint", () => {
  test.each([
    ["drains", wire.STATE_DRAINING],
    ["is down", wire.STATE_DOWN],
    ["is asleep", wire.STATE_ASLEEP],
  ])("that %s is not picked", (_, state) => {
    gateway.hint(hintsFrame({ loads: [{ slot: 1, state }] }));
    expect(endpoints()).toEqual([addressOf(0), addressOf(2)]);
  });

  test("that got another's slot is not believed to hold that one's prompts", () => {
    const prompt = "tell me of the moon ".repeat(300);
    gateway.hint(tableOf(0, { endpoints: [{ slot: 0, capacityBlocks: 10 }] }));
    ask(gateway.worker, { prompt });
    expect(explained(gateway.worker, { prompt }).candidates[0]?.matchedKeys).toBeGreaterThan(3);
    const settings = { indexKeysMax: INDEX_KEYS_MAX };
    const next = { slot: 0, address: "10.7.0.1:80", capacityBlocks: CAPACITY_BLOCKS_MAX };
    gateway.hint(tableOf(0, { settings, endpoints: [next] }));
    expect(explained(gateway.worker, { prompt }).candidates[0]?.matchedKeys).toBe(0);
    ask(gateway.worker, { prompt });
    gateway.hint(tableOf(0, { settings, endpoints: [{ ...next, address: "10.7.0.2:80" }] }));
    expect(explained(gateway.worker, { prompt }).candidates[0]?.matchedKeys).toBe(0);
  });
});

test("a cache ages by the blocks of the prompts it is sent, however few keys they have", () => {
  gateway.hint(tableOf(0, { endpoints: [{ slot: 0, capacityBlocks: 100 }] }));
  const matched = (prompt: string): number | undefined =>
    explained(gateway.worker, { prompt }).candidates[0]?.matchedKeys;
  const short = "tell me of the moon ".repeat(300);
  ask(gateway.worker, { prompt: short });
  // 80 blocks, which have 26 keys; then 40 more.
  ask(gateway.worker, { prompt: "a".repeat(80 * 1024) });
  expect(matched(short)).toBeGreaterThan(3);
  ask(gateway.worker, { prompt: "b".repeat(80 * 1024) });
  ask(gateway.worker, { prompt: "c".repeat(80 * 1024) });
  expect(matched(short)).toBe(0);
});

test("blocks of another size make what was known worthless", () => {
  const prompt = "tell me of the stars ".repeat(300);
  const matched = (): number => {
    const { candidates } = explained(gateway.worker, { prompt });
    return Math.max(...candidates.map(({ matchedKeys }) => matchedKeys));
  };
  ask(gateway.worker, { prompt });
  gateway.hint(tableOf(3, {}, { blockBytes: 2048 }));
  expect(matched()).toBe(0);
  ask(gateway.worker, { prompt });
  expect(matched()).toBeGreaterThan(2);
});

test("the index is filled by the frame that brings a first whole table", () => {
  const entries = Array.from({ length: 20_000 }, (_, index) => ({
    key: BigInt(index + 1) * 0x9e37_79b9n,
    ageBlocks: 0,
  }));
  const endpoints = [{ slot: 0, capacityBlocks: 30_000 }];
  const settings = { indexKeysMax: 200_000 };
  const hints = tableOf(0, { settings, endpoints, entries: [{ slot: 0, entries }] });
  gateway = new FilteredGateway({ hints });
  gateway.run(300);
  expect(gateway.metric("hintway.machine_0.index_keys")).toBe(20_000);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, -3e38])(
  "a pushed score of %d counts as none",
  (score) => {
    const pool = { steps: [{ operation: SCORE_PUSHED }] };
    const endpoints = [
      { slot: 0, score },
      { slot: 1, score: 0.5 },
    ];
    gateway.hint(tableOf(0, { endpoints }, pool));
    expect(explained(gateway.worker).candidates.map((one) => one.score)).toEqual([0, 0.5]);
  },
);

describe("hints grow old", () => {
  const pool = { steps: [{ operation: SCORE_PUSHED }] };
  const scored = [
    { slot: 0, score: 0.5 },
    { slot: 1, score: 1 },
  ];
  const scores = (): number[] => explained(gateway.worker).candidates.map(({ score }) => score);
  beforeEach(() => {
    const settings = { staleMs: 1_000, blindMs: 5_000 };
    gateway.hint(tableOf(0, { settings, endpoints: scored }, pool));
  });

  test("in three stages, and pushed scores fade with them", () => {
    gateway.advance(900);
    expect(explained(gateway.worker).stage).toBe("fresh");
    expect(scores()).toEqual([0.5, 1]);
    gateway.advance(2_100);
    expect(explained(gateway.worker).stage).toBe("stale");
    expect(scores()).toEqual([0.25, 0.5]);
    gateway.advance(2_100);
    expect(explained(gateway.worker).stage).toBe("blind");
    expect(scores()).toEqual([0, 0]);
  });

  test("and are fresh again with the next answer, also an empty one", () => {
    gateway.advance(3_000);
    gateway.answerPoll(204);
    expect(explained(gateway.worker).stage).toBe("fresh");
    expect(scores()).toEqual([0.5, 1]);
  });

  test("or young while a body comes slowly: the pick goes by what it finds", () => {
    const picked = (whileItComes: () => void) => {
      const request = gateway.worker.startRequest();
      request.requestHeaders(HEADERS);
      whileItComes();
      request.requestBody(chatBody("hello"), true);
    };
    picked(() => gateway.advance(10_000));
    expect(gateway.counter("picks_blind")).toBe(1);
    picked(() => gateway.answerPoll(204));
    expect(gateway.counter("picks_fresh")).toBe(1);
  });

  test("and picks are counted by stage", () => {
    ask(gateway.worker);
    gateway.advance(3_000);
    ask(gateway.worker);
    gateway.advance(10_000);
    ask(gateway.worker);
    expect(gateway.counter("picks_fresh")).toBe(1);
    expect(gateway.counter("picks_stale")).toBe(1);
    expect(gateway.counter("picks_blind")).toBe(1);
  });
});

describe("hints from the disk", () => {
  const encoded = (frame: Buffer): string => frame.toString("base64");
  const isCold = (vm = gateway.worker): boolean =>
    ask(vm).sentToEndpoint.headers?.get("x-hintway-cluster") === "pool-last-known";

  /** A gateway of two workers that starts while the control plane is down. */
  function startCold(hints: string): void {
    gateway = new FilteredGateway({ workers: 0, hints: null });
    for (let worker = 0; worker < 2; worker++) gateway.startWorker({ hints });
    gateway.run(10);
  }

  test("serve until the control plane is heard, then no worker is cold", () => {
    startCold(encoded(tableOf(2)));
    expect(gateway.workers.map((vm) => isCold(vm))).toEqual([true, true]);
    gateway.run(600);
    expect(gateway.workers.map((vm) => isCold(vm))).toEqual([true, true]);
    gateway.hint(tableOf(3, { generation: 5 }));
    gateway.run(600);
    expect(gateway.workers.map((vm) => isCold(vm))).toEqual([false, false]);
    for (const vm of gateway.workers) expect(destinationsOf(ask(vm))).toHaveLength(3);
  });

  test.each(["no base64 !", "AAAA", ""])("that are no hints are as none: %j", (hints) => {
    startCold(hints);
    expect(endpoints()).toEqual([]);
    expect(gateway.worker.isConfigured).toBe(true);
  });

  test("that are spoilt are as none", () => {
    const frame = tableOf(2);
    frame[40] = frame[40]! ^ 1;
    startCold(encoded(frame));
    expect(endpoints()).toEqual([]);
  });
});
