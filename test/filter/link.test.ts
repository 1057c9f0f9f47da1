import { beforeEach, describe, expect, test } from "vitest";
import { FLAG_WANTS_INDEX, FLAG_WHOLE_TABLE } from "../../protocol/frame.ts";
import { VERSION_MAX, VERSION_MIN } from "../../protocol/limits.ts";
import { PICK_FLAG_REMOVE, PICK_FLAG_TOUCH } from "../../protocol/records.ts";
import { ask, beginResponse, destinationsOf, explained, serve } from "../support/asked.ts";
import { CONTROL_PLANE, FilteredGateway } from "../support/filtered-gateway.ts";
import {
  addressOf,
  GENERATION,
  type HintsHint,
  hintsFrame,
  tableOf,
} from "../support/hints-written.ts";

const PROMPT = "tell me of the forest ".repeat(200);

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway();
});

function slotOf(address: string | undefined): number {
  return [0, 1, 2].findIndex((slot) => addressOf(slot) === address);
}

describe("a poll", () => {
  beforeEach(() => {
    gateway = new FilteredGateway({ hints: null });
    gateway.run(10);
  });

  test("says who asks, which versions it speaks and that it knows nothing", () => {
    expect(gateway.poll?.headers.toObject()).toMatchObject({
      ":method": "POST",
      ":path": "/v1/hints",
      authorization: "Bearer secret",
      "content-type": "application/octet-stream",
    });
    expect(gateway.readPoll().gateways[0]).toMatchObject({
      versionMin: VERSION_MIN,
      versionMax: VERSION_MAX,
      generation: 0,
      position: { table: 0, loads: 0, index: 0 },
      holdMs: 10_000,
    });
  });

  test("follows an answer at once, and says how far it knows", () => {
    gateway.hint(tableOf(2, { position: { table: 3, loads: 4, index: 5 } }));
    const poll = gateway.readPoll();
    expect(poll.gateways[0]).toMatchObject({
      generation: GENERATION,
      position: { table: 3, loads: 4, index: 5 },
    });
    expect(poll.endpoints).toEqual([]);
  });

  test("that nothing is new to is followed by the same", () => {
    gateway.hint(tableOf(2, { position: { table: 3, loads: 4, index: 5 } }));
    const before = gateway.poll!;
    gateway.answerPoll(204);
    expect(gateway.poll).not.toBe(before);
    expect(Buffer.from(gateway.poll!.body)).toEqual(Buffer.from(before.body));
  });

  test("is let go by the gateway after the time it may be held, with some to spare", () => {
    const { timeoutMs } = gateway.poll!;
    expect(timeoutMs).toBeGreaterThan(gateway.readPoll().gateways[0]!.holdMs);
    gateway.run(timeoutMs + 10);
    expect(gateway.counter("polls_failed")).toBe(1);
    gateway.run(500);
    expect(gateway.poll).toBeDefined();
  });

  test("is not sent where no control plane is configured", () => {
    gateway = new FilteredGateway({ workers: 0, hints: null });
    gateway.startWorker({ controlPlaneCluster: "" });
    gateway.run(1_000);
    expect(gateway.calls).toEqual([]);
    expect(gateway.counter("polls_failed")).toBe(0);
  });
});

describe("a poll that fails", () => {
  const failures: [string, () => void][] = [
    ["with 503", () => gateway.answerPoll(503)],
    ["with 401", () => gateway.answerPoll(401)],
    ["by a reset", () => gateway.fail(gateway.poll!)],
    ["with garbage", () => gateway.answerPoll(200, Buffer.from("<html>"))],
    ["with nothing", () => gateway.answerPoll(200)],
  ];
  test.each(failures)("%s is counted and sent again, and the table stays", (_, fail) => {
    fail();
    expect(gateway.poll).toBeUndefined();
    gateway.run(110);
    expect(gateway.poll).toBeDefined();
    expect(destinationsOf(ask(gateway.worker))).toHaveLength(3);
    expect(gateway.counter("polls_failed")).toBe(1);
  });

  test("waits longer each time, up to a quarter of a second", () => {
    const waits = [];
    for (let times = 0; times < 5; times++) {
      gateway.answerPoll(503);
      const failedAtMs = gateway.nowMs;
      while (!gateway.poll) gateway.advance(1);
      waits.push(gateway.nowMs - failedAtMs);
    }
    const expected = [100, 200, 250, 250, 250];
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(expected[index]!);
      expect(wait).toBeLessThan(expected[index]! + 10);
    }
  });

  test("tells the table in the next, so that one that restarted takes its slots", () => {
    gateway.answerPoll(503);
    gateway.run(200);
    const endpoints = [0, 1, 2].map((slot) => ({ slot, address: addressOf(slot) }));
    expect(gateway.readPoll().endpoints).toEqual(endpoints);
  });

  test("with 409 forgets how far it knew", () => {
    gateway.answerPoll(409);
    gateway.run(200);
    expect(gateway.readPoll().gateways[0]?.position).toEqual({ table: 0, loads: 0, index: 0 });
  });

  test("with 426 is counted by its own name", () => {
    gateway.answerPoll(426);
    expect(gateway.counter("versions_refused")).toBe(1);
  });

  test("with hints that are refused asks for a whole table", () => {
    gateway.answerPoll(200, tableOf(2).subarray(0, 100));
    gateway.run(200);
    expect(gateway.readPoll().gateways[0]?.position.table).toBe(0);
    expect(gateway.counter("hints_refused")).toBe(1);
  });

  test("because the cluster is not there is sent again until it is", () => {
    gateway = new FilteredGateway({ hints: null });
    gateway.clusters.clear();
    gateway.run(2_000);
    expect(gateway.poll).toBeUndefined();
    gateway.clusters.add(CONTROL_PLANE);
    gateway.run(600);
    expect(gateway.poll).toBeDefined();
  });
});

describe("a report", () => {
  test("has the picks, ends and shares of all workers, each once", () => {
    gateway = new FilteredGateway({ workers: 3 });
    const requests = gateway.workers.flatMap((vm, worker) =>
      [0, 1, 2, 3].map((index) => ask(vm, { prompt: `${worker}${index}${PROMPT}` })),
    );
    gateway.run(200);
    const { told } = gateway;
    expect(told.picks).toHaveLength(12);
    expect(new Set(told.picks.map(({ keys }) => keys[0])).size).toBe(12);
    const inFlight = [0, 1, 2].map((slot) => told.flightOf(slot)?.requests ?? 0);
    expect(inFlight.reduce((sum, count) => sum + count)).toBe(12);
    for (const request of requests) serve(request);
    gateway.run(200);
    expect(told.dones).toHaveLength(12);
    expect([0, 1, 2].map((slot) => told.flightOf(slot))).toEqual(
      [0, 1, 2].map((slot) => ({
        slot,
        requests: 0,
        backlogBytes: 0,
        residentBytes: 0,
        unanswered: 0,
      })),
    );
  });

  test("has a failure of each worker once, and keys that are touched", () => {
    gateway = new FilteredGateway({ workers: 2 });
    for (const vm of gateway.workers) {
      const request = ask(vm, { prompt: PROMPT });
      serve(request, { address: destinationsOf(request)[1]! });
    }
    gateway.run(200);
    expect(gateway.told.failures).toHaveLength(2);
    expect(gateway.told.picks.filter(({ flags }) => flags === PICK_FLAG_TOUCH)).not.toEqual([]);
  });

  test("says what a request used, and its times", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.advance(120);
    beginResponse(request);
    gateway.advance(30);
    const details = { cached_tokens: 40 };
    const usage = { prompt_tokens: 90, completion_tokens: 7, prompt_tokens_details: details };
    request.responseBody(JSON.stringify({ usage }), true);
    gateway.advance(50);
    request.done();
    gateway.run(100);
    expect(gateway.told.dones).toEqual([
      {
        slot: slotOf(destinationsOf(request)[0]),
        status: 200,
        flags: 0,
        promptBytes: gateway.told.picks[0]?.uncachedBytes,
        matchedBytes: 0,
        promptTokens: 90,
        cachedTokens: 40,
        completionTokens: 7,
        firstByteMs: 150,
        totalMs: 200,
        stage: 0,
        aheadBytes: 0,
        pickedSlot: slotOf(destinationsOf(request)[0]),
        pickedMatchedBytes: 0,
        reason: "load",
        priority: 0,
      },
    ]);
  });

  test("is not sent while nothing happens", () => {
    gateway.run(200);
    const before = gateway.reportCount;
    gateway.run(5_000);
    expect(gateway.reportCount).toBe(before);
  });

  test("waits for the one before to be answered, and has all that came since", () => {
    gateway.reportStatus = null;
    ask(gateway.worker, { prompt: `1${PROMPT}` });
    gateway.run(100);
    ask(gateway.worker, { prompt: `2${PROMPT}` });
    ask(gateway.worker, { prompt: `3${PROMPT}` });
    gateway.run(500);
    expect(gateway.reports).toHaveLength(1);
    gateway.reportStatus = 200;
    gateway.run(200);
    expect(gateway.told.picks).toHaveLength(3);
  });

  test("that is lost is made up for: what has ended in it is told again", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.run(200);
    const slot = slotOf(destinationsOf(request)[0]);
    expect(gateway.told.flightOf(slot)?.requests).toBe(1);
    gateway.reportStatus = 503;
    serve(request);
    gateway.run(100);
    expect(gateway.told.flightOf(slot)?.requests).toBe(1);
    gateway.reportStatus = 200;
    gateway.run(1_000);
    expect(gateway.told.flightOf(slot)?.requests).toBe(0);
    expect(gateway.counter("reports_failed")).toBe(1);
  });

  test("that fails again and again is not sent all the time", () => {
    gateway.reportStatus = 503;
    ask(gateway.worker);
    gateway.run(100);
    const before = gateway.reportCount;
    gateway.run(5_000);
    expect(gateway.reportCount - before).toBeLessThan(21);
  });

  test("refused with 409 makes the next poll ask for everything", () => {
    gateway.reportStatus = 409;
    ask(gateway.worker);
    gateway.run(100);
    gateway.answerPoll(204);
    expect(gateway.readPoll().gateways[0]?.position.table).toBe(0);
  });
});

describe("a control plane that lost its index", () => {
  /** Hints that ask for the index, from a process that began anew. */
  const asking = tableOf(3, { generation: 5, flags: 3 });

  test("is handed it back whole, also of what came from others", () => {
    const mine = ask(gateway.worker, { prompt: PROMPT });
    gateway.hint(hintsFrame({ picks: [{ slot: 2, keys: [11n, 12n] }] }));
    gateway.run(200);
    const { keys } = gateway.told.picks[0]!;
    gateway.hint(asking);
    gateway.run(1_000);
    const slot = slotOf(destinationsOf(mine)[0]);
    const entries = gateway.told.entries.map((entry) => `${entry.slot} ${entry.key}`);
    const expected = [...keys.map((key) => `${slot} ${key}`), "2 11", "2 12"];
    expect(entries.sort()).toEqual(expected.sort());
  });

  test("is handed it back once, with the shares of what is in flight", () => {
    ask(gateway.worker, { prompt: PROMPT });
    gateway.run(200);
    gateway.told.flights.length = 0;
    gateway.hint(asking);
    gateway.run(1_000);
    const count = gateway.told.entries.length;
    expect(gateway.told.flights.some(({ requests }) => requests === 1)).toBe(true);
    gateway.run(2_000);
    expect(gateway.told.entries).toHaveLength(count);
  });

  test("is handed it back again where the report with it was lost", () => {
    ask(gateway.worker, { prompt: PROMPT });
    gateway.run(200);
    gateway.reportStatus = 503;
    gateway.hint(asking);
    gateway.run(300);
    gateway.reportStatus = 200;
    gateway.run(2_000);
    const keys = gateway.told.entries.map(({ key }) => key);
    expect(new Set(keys)).toEqual(new Set(gateway.told.picks[0]!.keys));
  });

  test("is handed back an index of many messages with nothing else lost", () => {
    const endpoints = [0, 1, 2].map((slot) => ({ slot, capacityBlocks: 50_000 }));
    const settings = { indexKeysMax: 1_000_000 };
    gateway.hint(tableOf(0, { settings, endpoints }));
    const entries = Array.from({ length: 200_000 }, (_, index) => ({
      key: (BigInt(index + 1) * 0x9e37_79b9_7f4a_7c15n) & 0xffff_ffff_ffff_ffffn,
      ageBlocks: index,
    }));
    gateway.hint(hintsFrame({ entries: [{ slot: 1, entries }] }));
    const flags = FLAG_WHOLE_TABLE | FLAG_WANTS_INDEX;
    gateway.hint(tableOf(0, { generation: 5, flags, settings, endpoints }));
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.run(3_000);
    const handed = new Map(gateway.told.entries.map(({ key, ageBlocks }) => [key, ageBlocks]));
    expect(handed.size).toBeGreaterThanOrEqual(200_000);
    expect(handed.get(entries[1_234]!.key)).toBe(1_234);
    expect(gateway.told.flightOf(slotOf(destinationsOf(request)[0]))?.requests).toBe(1);
  });
});

describe("what another gateway picked", () => {
  function matched(picks: NonNullable<HintsHint["picks"]>): number[] {
    const other = new FilteredGateway();
    other.hint(hintsFrame({ picks }));
    const { candidates } = explained(other.worker, { prompt: PROMPT });
    return candidates.map(({ matchedKeys }) => matchedKeys);
  }

  test("is matched from then on, until it is taken back", () => {
    ask(gateway.worker, { prompt: PROMPT });
    gateway.run(100);
    const { keys } = gateway.told.picks[0]!;
    expect(matched([{ slot: 2, keys }])).toEqual([0, 0, keys.length]);
    const removed = { slot: 2, keys: keys.slice(1), flags: PICK_FLAG_REMOVE };
    expect(matched([{ slot: 2, keys }, removed])).toEqual([0, 0, 1]);
  });

  test("is skipped where it names a slot that nobody has", () => {
    expect(matched([{ slot: 9, keys: [1n] }])).toEqual([0, 0, 0]);
  });
});
