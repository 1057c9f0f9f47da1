import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sealFrame } from "../../protocol/frame.ts";
import * as profile from "../../protocol/profile.ts";
import { ask, beginResponse, HEADERS, serve } from "../support/asked.ts";
import { filterModule } from "../support/filter-module.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, GENERATION, hintsFrame, tableOf } from "../support/hints-written.ts";

const SEED = 3;
const RUNS = { numRuns: 400, seed: SEED };

const bytes = fc.uint8Array({ maxLength: 3_000 });
const headerText = fc
  .string({ unit: "binary-ascii", maxLength: 60 })
  .map((text) => text.replaceAll(/[\0\r\n]/g, ""));

/** A gateway whose VM spoils what the host hands over, as the next host call may. */
function start(): FilteredGateway {
  return new FilteredGateway({ vm: { isRecording: false, spoilsHanded: true } });
}

/** The gateway still picks and has not trapped. */
function expectAlive(gateway: FilteredGateway): void {
  for (const vm of gateway.workers) expect(vm.failure).toBeUndefined();
  serve(ask(gateway.worker));
  expect(gateway.flightGauges()).toEqual({});
}

describe("nothing makes the filter trap or refuse what is sound after:", () => {
  test("not any body, in any pieces", () => {
    const gateway = start();
    const path = fc.constantFrom("/v1/chat/completions", "/v1/completions", "/generate", "/x");
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), path, (pieces, to) => {
        const request = gateway.worker.startRequest();
        request.requestHeaders({ ...HEADERS, ":path": to });
        for (const piece of pieces) if (!request.isOver) request.requestBody(piece);
        if (!request.isOver) request.requestBody("", true);
        request.done();
      }),
      RUNS,
    );
    expectAlive(gateway);
  });

  test("not any headers", () => {
    const gateway = start();
    const name = fc.oneof(
      headerText,
      fc.constantFrom(
        ":path",
        ":method",
        "content-length",
        "content-encoding",
        "x-hintway-explain",
      ),
      fc.constantFrom("x-prefiller-url", "x-gateway-destination-endpoint", "x-"),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, headerText), { maxLength: 30 }),
        fc.boolean(),
        (pairs, end) => {
          const request = gateway.worker.startRequest();
          request.requestHeaders([...Object.entries(HEADERS), ...pairs], end);
          if (!end && !request.isOver) request.requestBody("{}", true);
          request.done();
        },
      ),
      RUNS,
    );
    expectAlive(gateway);
  });

  test("not any response", () => {
    const gateway = start();
    const type = fc.oneof(headerText, fc.constantFrom("application/json", "text/event-stream"));
    const status = fc.oneof(headerText, fc.integer({ min: 100, max: 599 }).map(String));
    const address = fc.oneof(headerText, fc.nat(9).map(addressOf));
    fc.assert(
      fc.property(
        fc.array(bytes, { maxLength: 5 }),
        type,
        status,
        address,
        (pieces, is, said, from) => {
          gateway.run(1_500);
          const request = ask(gateway.worker);
          if (!request.isOver) {
            request.setProperties({ "upstream.address": from, "response.flags": 16 });
            request.responseHeaders({ ":status": said, "content-type": is });
            for (const piece of pieces) request.responseBody(piece);
          }
          request.done();
        },
      ),
      { ...RUNS, numRuns: 150 },
    );
    gateway.run(60_000);
    expectAlive(gateway);
  });

  test("not any answer to a poll, and not any records in a sound frame", () => {
    const gateway = start();
    fc.assert(
      fc.property(bytes, fc.boolean(), fc.nat(3), (given, isSealed, flags) => {
        gateway.run(600);
        gateway.answerPoll(200, isSealed ? sealed(given, flags, 0) : given);
        gateway.run(600);
        gateway.hint(tableOf(3));
      }),
      { ...RUNS, numRuns: 150 },
    );
    expectAlive(gateway);
  });

  test("not hints with any numbers in the fields of their records", () => {
    const gateway = start();
    const frame = tableOf(3, {
      picks: [{ slot: 0, keys: [1n, 2n] }],
      entries: [{ slot: 1, entries: [{ key: 3n, ageBlocks: 4 }] }],
    });
    const words = frame.length / 4;
    const odd = fc.oneof(
      fc.nat(0xffff_ffff),
      fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x7fc0_0000, 0x7f80_0000),
    );
    const change = fc.tuple(fc.integer({ min: 6, max: words - 1 }), odd);
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(frame);
        for (const [word, value] of changes) changed.writeUInt32LE(value, word * 4);
        gateway.run(600);
        gateway.answerPoll(200, sealed(changed.subarray(24), 1, 0));
        const request = ask(gateway.worker, { prompt: "x".repeat(2_000) });
        if (!request.isOver) beginResponse(request);
        request.done();
        gateway.run(600);
        gateway.hint(tableOf(3));
      }),
      { ...RUNS, numRuns: 250 },
    );
    expectAlive(gateway);
  });

  test("not any profile", () => {
    const gateway = start();
    const operation = fc.constantFrom(
      ...Object.values(profile).filter((value) => typeof value === "number"),
    );
    const parameter = fc.oneof(fc.float(), fc.constantFrom(0, -1, 1, 1e30));
    const step = fc.record({
      operation,
      weight: fc.float(),
      parameters: fc.array(parameter, { maxLength: 6 }),
      whole: fc.constant(false),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        // One with a weight that is none is refused, and the next poll waits a little.
        if (!gateway.poll) gateway.run(600);
        gateway.hint(tableOf(4, {}, { steps, headers: ["x-session-token"] }));
        const headers = { "x-hintway-explain": "1", "x-session-token": addressOf(1) };
        for (let times = 0; times < 3; times++) {
          const request = ask(gateway.worker, { headers, prompt: `${times}`.repeat(3_000) });
          if (!request.isOver) {
            beginResponse(request);
            JSON.parse(request.sentToClient.headers!.get("x-hintway-explain")!);
          }
          request.done();
        }
      }),
      { ...RUNS, numRuns: 200 },
    );
    gateway.run(600);
    gateway.hint(tableOf(3));
    expectAlive(gateway);
  });

  test("not any message in a worker's queue", () => {
    const gateway = new FilteredGateway({ workers: 2, vm: { isRecording: false } });
    const queue = gateway.sharedQueues.queue(1)!;
    const sender = fc.oneof(fc.nat(70), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(bytes, fc.boolean(), sender, (given, isSealed, from) => {
        queue.items.push(isSealed ? sealed(given, 0, from) : given);
        queue.vm.queueReady(1);
      }),
      RUNS,
    );
    gateway.hint(tableOf(3));
    gateway.run(600);
    for (const vm of gateway.workers) expect(vm.failure).toBeUndefined();
    expect(gateway.counter("messages_refused")).toBeGreaterThan(100);
    serve(ask(gateway.worker));
  });

  test("not any plugin configuration", () => {
    const configuration = fc.oneof(
      fc.json(),
      fc.string({ maxLength: 200 }),
      fc
        .record({ attachment: fc.constantFrom("pause", "buffer", "x"), hints: fc.base64String() })
        .map((object) => JSON.stringify(object)),
    );
    fc.assert(
      fc.property(configuration, (pluginConfiguration) => {
        const gateway = new FilteredGateway({ workers: 0, hints: null });
        const vm = gateway.startVm({ ...vmOptions(), pluginConfiguration });
        gateway.advance(20);
        if (vm.isConfigured) ask(vm).done();
        expect(vm.failure).toBeUndefined();
      }),
      { ...RUNS, numRuns: 100 },
    );
  });
});

test("a worker's memory does not grow over 100,000 requests once it is warm", () => {
  const gateway = new FilteredGateway({
    hints: tableOf(4),
    vm: { isRecording: false },
  });
  const { worker } = gateway;
  const sizes: number[] = [];
  for (let count = 0; count < 100_000; count++) {
    const headers = count % 10 === 0 ? { "x-hintway-explain": "1" } : {};
    serve(
      ask(worker, { prompt: `${count % 5_000}`.padEnd(count % 300 === 0 ? 20_000 : 40), headers }),
    );
    if (count % 50 === 0) gateway.run(5);
    if (count % 5_000 === 0) gateway.hint(hintsFrame({ loads: [{ slot: 1, running: 3 }] }));
    if (count % 10_000 === 9_999) sizes.push(worker.memory.bytes);
  }
  expect(new Set(sizes.slice(1)).size).toBe(1);
  expect(gateway.flightGauges()).toEqual({});
});

/** Records, whatever they are, under a header that is right. */
function sealed(records: Uint8Array, flags: number, sender: number): Buffer {
  const length = records.length - (records.length % 4);
  const frame = Buffer.concat([Buffer.alloc(24), records.subarray(0, length)]);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  sealFrame(view, 0, length, 1, flags, GENERATION, sender);
  return frame;
}

function vmOptions() {
  return { module: filterModule(), vmId: "hintway" } as const;
}
