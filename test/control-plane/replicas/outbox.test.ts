import { expect, it } from "vitest";
import { eachRecord, framesIn } from "../../../control-plane/hints/read-frame.ts";
import { Outbox } from "../../../control-plane/replicas/outbox.ts";
import { VERSION_MAX } from "../../../protocol/limits.ts";
import * as wire from "../../../protocol/records.ts";
import { beginFrame } from "../hints/records-writer.ts";

const KEYS: [number, number][] = Array.from({ length: 4000 }, (_, key) => [key, 1]);
const ENTRY_BYTES = 1024 * 1024;
const KEPT_BYTES = 16 * ENTRY_BYTES;

const CLAIM = {
  ...{ id: Buffer.alloc(16), versionMin: VERSION_MAX, versionMax: VERSION_MAX, generation: 1 },
  ...{ table: 0, loads: 0, index: 0, holdMs: 0, origin: 1, toldMs: 0 },
};

/** A report of nearly one mebibyte, told apart by its slot. */
function report(slot: number): DataView {
  const records = beginFrame(CLAIM);
  for (let pick = 0; pick < 30; pick++) records.pick(slot, KEYS);
  const frame = records.seal(1);
  return new DataView(frame.buffer, frame.byteOffset, frame.length);
}

it("keeps what may wait for the store, drops the oldest beyond, and counts them", () => {
  const outbox = new Outbox();
  for (let slot = 0; slot < 40; slot++) outbox.addReport(report(slot), 0);
  expect(outbox.dropped).toBeGreaterThan(20);
  let bytes = 0;
  let count = 0;
  while (!outbox.isEmpty) {
    const { frames } = outbox.take(0);
    expect(frames.length).toBeLessThanOrEqual(ENTRY_BYTES);
    bytes += frames.length;
    count++;
  }
  expect(bytes).toBeLessThanOrEqual(KEPT_BYTES);
  expect(count + outbox.dropped).toBe(40);
});

it("also drops what could not be sent, where reports have filled its place meanwhile", () => {
  const outbox = new Outbox();
  outbox.addReport(report(0), 0);
  const unsent = outbox.take(0);
  while (outbox.dropped === 0) outbox.addReport(report(1), 0);
  outbox.putBack(unsent);
  expect(outbox.dropped).toBe(2);
  expect(outbox.take(0).frames.equals(unsent.frames)).toBe(false);
});

it("leaves out what was in flight long ago, and nothing else", () => {
  const outbox = new Outbox();
  const kinds = (frames: Buffer) => {
    const found: number[] = [];
    for (const view of framesIn(frames)) eachRecord(view, (kind) => found.push(kind));
    return found;
  };
  const records = beginFrame(CLAIM);
  records.flight(1, 3, 500, 600, 2);
  records.pick(1, [[7, 7]]);
  const frame = records.seal(1);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  outbox.addReport(view, 0);
  outbox.putBack(outbox.take(0));
  outbox.addReport(view, 5_000);
  const { frames } = outbox.take(5_500);
  expect(kinds(frames)).toEqual([wire.GATEWAY, wire.PICK, wire.GATEWAY, wire.FLIGHT, wire.PICK]);
});

it("drops all that waits where slots are numbered anew, and counts it", () => {
  const outbox = new Outbox();
  for (let slot = 0; slot < 3; slot++) outbox.addReport(report(slot), 0);
  outbox.clear();
  expect(outbox.isEmpty).toBe(true);
  expect(outbox.dropped).toBe(3);
  expect(outbox.take(0).frames).toHaveLength(0);
});
