import fc from "fast-check";
import { expect, it } from "vitest";
import { frameGeneration } from "../../../protocol/frame.ts";
import * as wire from "../../../protocol/records.ts";
import { until } from "../../support/until.ts";
import type { Hints, TestGateway } from "./gateway.ts";
import { type Started, startingEach } from "./started.ts";

const { start, running } = startingEach();

/** Two gateways that know the table. */
async function twoGateways(running: Started): Promise<[TestGateway, TestGateway, number]> {
  const [a, b] = [running.gateway("a"), running.gateway("b")];
  const slot = (await a.poll())!.endpoints[0]!.slot;
  await b.poll();
  return [a, b, slot];
}

const KEYS: [number, number][] = [
  [1, 2],
  [3, 4],
  [5, 6],
];

it("a pick that one gateway reports is told to the others and not to itself", async () => {
  const [a, b, slot] = await twoGateways(await start());
  const held = b.pollUntil(({ picks }) => picks.length > 0, { holdMs: 5000 });
  expect((await a.report((records) => records.pick(slot, KEYS))).status).toBe(200);
  expect((await held).picks).toEqual([{ slot, flags: 0, keys: KEYS }]);
  for (let poll = 0; poll < 3; poll++) expect((await a.poll())?.picks ?? []).toEqual([]);
});

it("a report is answered with an empty frame of the generation in force", async () => {
  const [a, , slot] = await twoGateways(await start());
  const { status, body } = await a.report((records) => records.flight(slot, 1, 2, 3));
  expect(status).toBe(200);
  expect(body).toHaveLength(24);
  expect(frameGeneration(new DataView(body.buffer, body.byteOffset, 24), 0)).toBe(a.generation);
});

it("a gateway's flight is told to the others as a sum without their own", async () => {
  const running = await start();
  const [a, b, slot] = await twoGateways(running);
  const c = running.gateway("c");
  await c.poll();
  await a.report((records) => records.flight(slot, 3, 100, 1000, 1));
  await b.report((records) => records.flight(slot, 4, 200, 2000, 2));
  const told = await c.pollUntil(othersHave(slot, 7));
  expect(told.loads.find((load) => load.slot === slot)?.others).toEqual({
    requests: 7,
    backlogBytes: 300,
    residentBytes: 3000,
    unanswered: 3,
  });
  await a.pollUntil(othersHave(slot, 4));
  await a.report((records) => records.flight(slot, 0, 0, 0));
  await b.pollUntil(othersHave(slot, 0));
});

it("a gateway that falls silent is forgotten, and its share with it", async () => {
  const clock = { aheadMs: 0 };
  const [a, b, slot] = await twoGateways(await start({ clock }));
  await a.report((records) => records.flight(slot, 3, 100, 1000));
  await b.pollUntil(othersHave(slot, 3));
  const held = b.pollUntil(othersHave(slot, 0), {
    holdMs: 20_000,
  });
  await until("the poll is held", () => running().controlPlane.polls.heldCount);
  clock.aheadMs = 11_000;
  await held;
  expect([...running().controlPlane.gateways.all()]).toHaveLength(1);
});

it("an endpoint that a gateway saw fail is down for the others until a probe is good", async () => {
  const running = await start({ probe: { periodMs: 10_000, timeoutMs: 1000 } });
  const [a, b, slot] = await twoGateways(running);
  const isIn = (state: number) => (hints: { loads: { slot: number; state: number }[] }) =>
    hints.loads.some((load) => load.slot === slot && load.state === state);
  await running.engines[0]!.close();
  await a.report((records) => records.failure(slot));
  await b.pollUntil(isIn(wire.STATE_DOWN));
  await running.engines[0]!.open();
  await a.report((records) => records.failure(slot));
  await b.pollUntil(isIn(wire.STATE_UP));
});

it("an endpoint that answers stays up whatever gateways report, and is probed since", async () => {
  const running = await start({ probe: { periodMs: 3_600_000, timeoutMs: 1000 } });
  const [a, b, slot] = await twoGateways(running);
  const endpoint = running.pool.atSlot(slot)!;
  const firstReadMs = endpoint.readAtMs!;
  for (let report = 0; report < 3; report++) await a.report((records) => records.failure(slot));
  expect(endpoint.state).toBe(wire.STATE_UP);
  const told = await b.pollUntil(() => endpoint.readAtMs! > firstReadMs);
  expect(told.loads.map(({ state }) => state)).not.toContain(wire.STATE_DOWN);
});

it("a report of another generation changes nothing and is answered 409", async () => {
  const [a, b, slot] = await twoGateways(await start());
  const { generation } = a;
  a.generation = generation + 1;
  const { status, body } = await a.report((records) => records.pick(slot, KEYS));
  expect(status).toBe(409);
  expect(frameGeneration(new DataView(body.buffer, body.byteOffset, 24), 0)).toBe(generation);
  expect(running().controlPlane.index.size).toBe(0);
  expect((await b.poll())?.picks ?? []).toEqual([]);
});

it("an index that is handed back is the index again, in order and with its ages", async () => {
  const [a, b, slot] = await twoGateways(await start());
  const entries = Array.from({ length: 100 }, (_, age) => ({ low: age * 7, high: age, age }));
  await a.report((records) => records.entries(slot, entries));
  expect(running().controlPlane.index.sizeOf(slot)).toBe(100);
  const fresh = await running().gateway("fresh").poll();
  expect(fresh?.entries).toEqual([{ slot, entries }]);
  // The others lost sight of each other too while nobody passed picks on.
  const told = await b.pollUntil((hints) => hints.entries.length > 0);
  expect(told.entries).toEqual([{ slot, entries }]);
});

it("an index handed back entry by entry in no order is put in order", async () => {
  const [a, , slot] = await twoGateways(await start());
  const entries = Array.from({ length: 300 }, (_, age) => ({ low: age * 7, high: age, age }));
  const mixed = entries.toSorted((x, y) => ((x.age * 37) % 300) - ((y.age * 37) % 300));
  for (const part of [mixed.slice(0, 100), mixed.slice(100)]) {
    await a.report((records) => {
      for (const entry of part) records.entries(slot, [entry]);
    });
  }
  const fresh = await running().gateway("fresh").poll();
  expect(fresh?.entries).toEqual([{ slot, entries }]);
});

it("a removed key is gone, and a touched key that is not there is not added", async () => {
  const [a, , slot] = await twoGateways(await start());
  await a.report((records) => {
    records.pick(slot, KEYS);
    records.pick(slot, [KEYS[2]!], wire.PICK_FLAG_REMOVE);
    records.pick(slot, [[9, 9], KEYS[1]!], wire.PICK_FLAG_TOUCH);
  });
  const list = running().controlPlane.index.list(slot)!;
  const keys: number[] = [];
  list.eachNewestFirst((low) => keys.push(low) > 0);
  expect(keys).toEqual([3, 1]);
});

it("a gateway that is behind what was kept of the picks is given the whole index", async () => {
  const [a, b, slot] = await twoGateways(await start());
  for (let report = 0; report < 7; report++) {
    await a.report((records) => {
      for (let pick = 0; pick < 10_000; pick++) records.pick(slot, [[pick, report]]);
    });
  }
  const hints = await b.pollUntil(({ entries }) => entries.length > 0);
  expect(hints.entries[0]?.entries[0]).toEqual({ low: 9999, high: 6, age: 0 });
  expect(hints.picks).toEqual([]);
  expect((await b.poll())?.entries ?? []).toEqual([]);
});

it("what is learned of a token's bytes changes capacities, in steps worth telling", async () => {
  const [a, , slot] = await twoGateways(await start());
  await a.report((records) => {
    for (let request = 0; request < 400; request++) {
      records.done({ slot, promptBytes: 6000, promptTokens: 1000 });
    }
  });
  const hints = await a.pollUntil(({ endpoints }) => endpoints.length > 0);
  const pool = hints.bodies.get(wire.POOL)!;
  expect(pool.getUint32(wire.POOL_TOKEN_MILLIBYTES, true)).toBeGreaterThan(5900);
  expect(hints.endpoints[0]!.capacityBlocks).toBeGreaterThan(500);
});

it("keys that engines report missing shrink that endpoint's capacity alone", async () => {
  const [a, , slot] = await twoGateways(await start());
  await a.report((records) => {
    for (let request = 0; request < 60; request++) {
      records.done({ slot, promptBytes: 40_000, matchedBytes: 40_000, cachedTokens: 0 });
    }
  });
  const hints = await a.pollUntil(({ endpoints }) => endpoints.length > 0);
  const [first, second] = hints.endpoints;
  expect(first!.capacityBlocks).toBeLessThan(second!.capacityBlocks / 2);
});

it("bytes that are no sound frame are refused whole, counted, and never a server error", async () => {
  const running = await start();
  const [a, , slot] = await twoGateways(running);
  const sound = await soundReport(a, slot);
  const damaged = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(sound.length - 1).map((length) => sound.subarray(0, length)),
    fc.tuple(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
      const bytes = Buffer.from(sound);
      bytes[at] = bytes[at]! ^ change;
      return bytes;
    }),
  );
  await fc.assert(
    fc.asyncProperty(damaged, async (bytes) => {
      const before = running.controlPlane.index.size;
      for (const path of ["/v1/reports", "/v1/hints"]) {
        const { status } = await running.post(path, Buffer.from(bytes));
        // Damage to the header's flags or sender is none; to its generation, another generation.
        expect([200, 204, 400, 409, 426]).toContain(status);
        if (status >= 400) expect(running.controlPlane.index.size).toBe(before);
      }
    }),
    { numRuns: 200 },
  );
  expect(await running.metrics()).toMatch(/hintway_frames_refused_total\{reason="checksum"\} \d+/);
});

it("records whose counts do not fit them are refused though the checksum is right", async () => {
  const [a, , slot] = await twoGateways(await start());
  const refused = [
    (view: DataView, body: number) => view.setUint32(body + wire.PICK_KEYS, 999, true),
    (view: DataView, body: number) => view.setUint32(body + wire.PICK_SLOT, 4096, true),
  ];
  for (const spoil of refused) {
    const { status, body } = await a.report((records) => {
      records.record(wire.PICK, wire.PICK_BYTES + 8, (view, at) => {
        view.setUint32(at + wire.PICK_SLOT, slot, true);
        spoil(view, at);
      });
    });
    expect(status).toBe(400);
    expect(JSON.parse(body.toString()).error.code).toBe("REPORT_REFUSED");
  }
});

it("a record of a kind that is not known is passed over", async () => {
  const [a, , slot] = await twoGateways(await start());
  const { status } = await a.report((records) => {
    records.record(900, 12, () => {});
    records.pick(slot, KEYS);
  });
  expect(status).toBe(200);
  expect(running().controlPlane.index.size).toBe(3);
});

async function soundReport(gateway: TestGateway, slot: number): Promise<Buffer> {
  let sound: Buffer = Buffer.alloc(0);
  await gateway.report((records) => {
    records.flight(slot, 1, 2, 3);
    records.pick(slot, KEYS);
    records.done({ slot, totalMs: 4 });
    sound = records.seal(gateway.generation);
  });
  return sound;
}

/** Whether hints say that other gateways have so many requests on the slot. */
function othersHave(slot: number, requests: number) {
  return ({ loads }: Hints) =>
    loads.some((load) => load.slot === slot && load.others.requests === requests);
}
