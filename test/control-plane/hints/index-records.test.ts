import { expect, it } from "vitest";
import { FrameWriter } from "../../../control-plane/hints/frame-writer.ts";
import { writeEntries } from "../../../control-plane/hints/index-records.ts";
import { PrefixIndex } from "../../../control-plane/index/prefix-index.ts";
import { readHints } from "./gateway.ts";

const KEYS = 400_000;

it("an index that does not fit one frame is told in several, each key once, newest first", () => {
  const index = new PrefixIndex(1_000_000);
  for (const [slot, keys] of [KEYS, 1_000].entries()) {
    index.keep([[slot, keys]]);
    for (let key = keys; key > 0; key--) index.list(slot)!.insert(key, slot, 1);
  }
  const told = [0, 0];
  let frames = 0;
  for (let from: number | null = 0; from !== null; frames++) {
    const writer = new FrameWriter();
    from = writeEntries(writer, index, from);
    for (const { slot, entries } of readHints(writer.seal(1, 0, 1)).entries) {
      for (const { low, age } of entries) {
        if (age !== told[slot] || low !== age + 1) throw new Error(`slot ${slot}: ${low}, ${age}`);
        told[slot]!++;
      }
    }
  }
  expect(told).toEqual([KEYS, 1_000]);
  expect(frames).toBeGreaterThan(1);
  expect(frames).toBeLessThan(6);
});
