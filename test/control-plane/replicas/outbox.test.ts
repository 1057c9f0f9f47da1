import { expect, it } from "vitest";
import { Outbox } from "../../../control-plane/replicas/outbox.ts";
import { VERSION_MAX } from "../../../protocol/limits.ts";
import { beginFrame } from "../hints/records-writer.ts";

const KEYS: [number, number][] = Array.from({ length: 4000 }, (_, key) => [key, 1]);
const ENTRY_BYTES = 1024 * 1024;
const KEPT_BYTES = 16 * ENTRY_BYTES;

/** A report of nearly one mebibyte, told apart by its slot. */
function report(slot: number): DataView {
  const records = beginFrame({
    ...{ id: Buffer.alloc(16), versionMin: VERSION_MAX, versionMax: VERSION_MAX, generation: 1 },
    ...{ table: 0, loads: 0, index: 0, holdMs: 0, origin: 1, toldMs: 0 },
  });
  for (let pick = 0; pick < 30; pick++) records.pick(slot, KEYS);
  const frame = records.seal(1);
  return new DataView(frame.buffer, frame.byteOffset, frame.length);
}

it("keeps what may wait for the store, drops the oldest beyond, and counts them", () => {
  const outbox = new Outbox();
  for (let slot = 0; slot < 40; slot++) outbox.addReport(report(slot));
  expect(outbox.dropped).toBeGreaterThan(20);
  let bytes = 0;
  let count = 0;
  while (!outbox.isEmpty) {
    const entry = outbox.take();
    expect(entry.length).toBeLessThanOrEqual(ENTRY_BYTES);
    bytes += entry.length;
    count++;
  }
  expect(bytes).toBeLessThanOrEqual(KEPT_BYTES);
  expect(count + outbox.dropped).toBe(40);
});

it("also drops what could not be sent, where reports have filled its place meanwhile", () => {
  const outbox = new Outbox();
  outbox.addReport(report(0));
  const unsent = outbox.take();
  while (outbox.dropped === 0) outbox.addReport(report(1));
  outbox.putBack(unsent);
  expect(outbox.dropped).toBe(2);
  expect(outbox.take().equals(unsent)).toBe(false);
});
