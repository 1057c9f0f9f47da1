import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import * as arithmetic from "../../protocol/arithmetic.ts";
import * as frame from "../../protocol/frame.ts";
import * as holders from "../../protocol/holders.ts";
import * as keys from "../../protocol/keys.ts";
import * as profile from "../../protocol/profile.ts";
import { compileProbe, Probe } from "./probe.ts";

/** Every function of the protocol that computes, compiled for the filter. */
const SOURCE = `
import * as arithmetic from "./protocol/arithmetic.ts";
import * as frame from "./protocol/frame.ts";
import * as keys from "./protocol/keys.ts";
import * as profile from "./protocol/profile.ts";
import * as holders from "./protocol/holders.ts";

const buffer = new ArrayBuffer(65536);
const view = new DataView(buffer);
const lanes = new Uint32Array(16);
export function memoryStart(): usize { return changetype<usize>(buffer); }
export function keyLow(): u32 { return keys.keyLow; }
export function keyHigh(): u32 { return keys.keyHigh; }

export function multiply(a: u32, b: u32): u32 { return arithmetic.multiply(a, b); }
export function initialLane(index: u32): u32 { return keys.initialLane(index); }
export function mixLane(lane: u32, word: u32): u32 { return keys.mixLane(lane, word); }
export function beginFold(bytes: u32): void { keys.beginFold(bytes); }
export function foldLane(lane: u32): void { keys.foldLane(lane); }
export function endFold(): void { keys.endFold(); }
export function combine(a: u32, b: u32, c: u32, d: u32): void { keys.combine(a, b, c, d); }
export function hashBytes(start: u32, bytes: u32): void { keys.hashBytes(view, start, bytes, lanes); }
export function blockBytesAt(offset: u32, block: u32): u32 { return keys.blockBytesAt(offset, block); }
export function bytesOfBlocks(blocks: u32, block: u32): u32 { return keys.bytesOfBlocks(blocks, block); }
export function blocksOfKey(key: u32, count: u32, blocks: u32): u32 { return keys.blocksOfKey(key, count, blocks); }
export function checksum(start: u32, bytes: u32): u32 { return frame.checksum(view, start, bytes); }
export function sealFrame(
  start: u32, recordBytes: u32, version: u32, flags: u32, generation: u32, sender: u32,
): void {
  frame.sealFrame(view, start, recordBytes, version, flags, generation, sender);
}
export function verifyFrame(start: u32, bytes: u32): u32 {
  return frame.verifyFrame(view, start, bytes);
}
export function verifyEnvelope(start: u32, bytes: u32): u32 {
  return frame.verifyEnvelope(view, start, bytes);
}
export function sharedVersion(a: u32, b: u32, c: u32, d: u32): u32 {
  return frame.sharedVersion(a, b, c, d);
}
export function wholeParameters(operation: u32): u32 { return profile.wholeParameters(operation); }
export function holderOf(slot: u32, age: u32): u32 { return holders.holderOf(slot, age); }
export function holderSlot(holder: u32): u32 { return holders.holderSlot(holder); }
export function holderAge(holder: u32): u32 { return holders.holderAge(holder); }
export function frameVersion(start: u32): u32 { return frame.frameVersion(view, start); }
export function frameFlags(start: u32): u32 { return frame.frameFlags(view, start); }
export function frameGeneration(start: u32): u32 { return frame.frameGeneration(view, start); }
export function frameSender(start: u32): u32 { return frame.frameSender(view, start); }
export function beginRecord(at: u32, kind: u32, bytes: u32): u32 {
  return frame.beginRecord(view, at, kind, bytes);
}
export function recordKind(at: u32): u32 { return frame.recordKind(view, at); }
export function recordBytes(at: u32): u32 { return frame.recordBytes(view, at); }
export function padded(bytes: u32): u32 { return frame.padded(bytes); }
`;

type Compiled = Record<string, (...numbers: number[]) => number>;
const probe = new Probe<Compiled>(await compileProbe("protocol", SOURCE));
const compiled: Compiled = probe.exports;

/** The same functions in Node, over memory of the same size. */
const view = new DataView(new ArrayBuffer(65536));
const lanes = new Uint32Array(16);
const onView =
  (call: (view: DataView, ...numbers: number[]) => unknown) =>
  (...numbers: number[]) =>
    call(view, ...numbers);
const native: Record<string, (...numbers: number[]) => unknown> = {
  multiply: arithmetic.multiply,
  initialLane: keys.initialLane,
  mixLane: keys.mixLane,
  beginFold: keys.beginFold,
  foldLane: keys.foldLane,
  endFold: keys.endFold,
  combine: keys.combine,
  blockBytesAt: keys.blockBytesAt,
  bytesOfBlocks: keys.bytesOfBlocks,
  blocksOfKey: keys.blocksOfKey,
  hashBytes: (start, bytes) => keys.hashBytes(view, start ?? 0, bytes ?? 0, lanes),
  checksum: onView(frame.checksum as never),
  sealFrame: onView(frame.sealFrame as never),
  verifyFrame: onView(frame.verifyFrame as never),
  verifyEnvelope: onView(frame.verifyEnvelope as never),
  sharedVersion: frame.sharedVersion as never,
  wholeParameters: profile.wholeParameters as never,
  holderOf: holders.holderOf as never,
  holderSlot: holders.holderSlot as never,
  holderAge: holders.holderAge as never,
  frameVersion: onView(frame.frameVersion),
  frameFlags: onView(frame.frameFlags),
  frameGeneration: onView(frame.frameGeneration),
  frameSender: onView(frame.frameSender),
  beginRecord: onView(frame.beginRecord as never),
  recordKind: onView(frame.recordKind),
  recordBytes: onView(frame.recordBytes),
  padded: frame.padded,
};

function memory(): Uint8Array {
  return new Uint8Array(probe.exports.memory.buffer, compiled.memoryStart?.(), 65536);
}

function fill(bytes: Uint8Array, at = 0): void {
  memory().set(bytes, at);
  new Uint8Array(view.buffer).set(bytes, at);
}

/** Calls both; what they answer, what they leave in memory and the last hash must be the same. */
function both(name: string, ...numbers: number[]): number {
  const answer = compiled[name]?.(...numbers);
  const expected = native[name]?.(...numbers);
  expect(answer === undefined ? answer : answer >>> 0, name).toBe(expected);
  const hash = [compiled.keyLow?.(), compiled.keyHigh?.()].map((half) => (half ?? 0) >>> 0);
  expect(hash, name).toEqual([keys.keyLow, keys.keyHigh]);
  return (answer ?? 0) >>> 0;
}

const anyU32 = fc.oneof(
  fc.nat({ max: 0xffffffff }),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
);

beforeAll(() => {
  fill(new Uint8Array(65536));
});

test("every function that the protocol exports is compared here", () => {
  const modules: Record<string, unknown>[] = [arithmetic, frame, keys, profile, holders];
  const exported = modules.flatMap((module) =>
    Object.keys(module).filter((name) => typeof module[name] === "function"),
  );
  expect(Object.keys(native).sort()).toEqual(exported.sort());
});

test("functions of numbers give the same in the filter and in Node", () => {
  fc.assert(
    fc.property(anyU32, anyU32, anyU32, anyU32, (a, b, c, d) => {
      both("multiply", a, b);
      both("initialLane", a % 16);
      both("mixLane", a, b);
      both("combine", a, b, c, d);
      both("beginFold", a);
      both("foldLane", b);
      both("foldLane", c);
      both("endFold");
      both("padded", a % 0x7fffffff);
      both("sharedVersion", a, b, c, d);
      both("wholeParameters", a % 64);
      both("holderOf", a % 4096, b);
      both("holderSlot", a);
      both("holderAge", a);
    }),
    { numRuns: 1000 },
  );
});

test("blocks follow one another, each ending where the keys so far cover", () => {
  const block = fc.integer({ min: 4, max: 1024 }).map((stripes) => stripes * 64);
  fc.assert(
    fc.property(fc.nat({ max: 4112 }), block, (blocks, blockBytes) => {
      const start = both("bytesOfBlocks", blocks, blockBytes);
      const length = both("blockBytesAt", start, blockBytes);
      expect(both("bytesOfBlocks", blocks + 1, blockBytes)).toBe(start + length);
      expect(start % length).toBe(0);
      expect(both("blockBytesAt", start + length - 1, blockBytes)).toBe(length);
    }),
  );
});

test("a prompt's keys stand for all of its blocks together, for one to four each", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4112 }), anyU32, (count, blocks) => {
      const each = Array.from({ length: count }, (_, key) => keys.blocksOfKey(key, count, blocks));
      const sum = each.reduce((so, one) => so + one, 0);
      expect(sum).toBe(Math.min(Math.max(blocks, count), 4 * count));
      expect(Math.min(...each)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...each)).toBeLessThanOrEqual(4);
      both("blocksOfKey", count - 1, count, blocks);
    }),
  );
});

test("hashes of bytes are the same in the filter and in Node", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 7 }), (bytes, start) => {
      fill(bytes, start);
      both("hashBytes", start, bytes.length);
      both("checksum", start, bytes.length & ~3);
    }),
    { numRuns: 1000 },
  );
});

test("frames are written, read and refused the same in the filter and in Node", () => {
  const anyRecord = fc.record({ kind: fc.nat({ max: 65535 }), words: fc.array(anyU32) });
  const header = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 65535 }), anyU32, anyU32);
  const damage = fc.option(fc.tuple(fc.nat(), fc.nat({ max: 255 })));
  fc.assert(
    fc.property(fc.array(anyRecord), header, damage, anyU32, (records, fields, damaged, cut) => {
      const start = 4;
      let at = start + frame.FRAME_HEADER_BYTES;
      for (const { kind, words } of records) {
        const body = both("beginRecord", at, kind, words.length * 4);
        fill(new Uint8Array(Uint32Array.from(words).buffer), body);
        both("recordKind", at);
        both("recordBytes", at);
        at = body + words.length * 4;
      }
      both("sealFrame", start, at - start - frame.FRAME_HEADER_BYTES, ...fields);
      if (damaged) fill(Uint8Array.of(damaged[1]), start + (damaged[0] % (at - start)));
      for (const bytes of [at - start, cut % (at - start)]) {
        both("verifyFrame", start, bytes);
        both("verifyEnvelope", start, bytes);
      }
      for (const field of ["Version", "Flags", "Generation", "Sender"])
        both(`frame${field}`, start);
      expect(Buffer.compare(memory(), new Uint8Array(view.buffer))).toBe(0);
    }),
    { numRuns: 500 },
  );
});
