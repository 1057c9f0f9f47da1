import fc from "fast-check";
import { expect, test } from "vitest";
import { compileProbe, Probe } from "./probe.ts";

const SOURCE = `
import { FlatObject } from "./filter/json/flat-object.ts";
const object = new FlatObject();
export function read(source: usize, bytes: u32): bool { return object.read(source, bytes); }
export function hasHints(): bool { return object.has("hints"); }
export function hints(): usize { return object.text("hints"); }
export function hintsBytes(): u32 { return object.textBytes("hints"); }
export function decodeHints(): bool { return object.decode("hints"); }
export function isPause(): bool { return object.isText("attachment", "pause"); }
export function isOn(): bool { return object.isTrue("on"); }
export function workers(): u32 { return object.number("workers", 99); }
`;

interface Exports {
  read(source: number, bytes: number): number;
  hasHints(): number;
  hints(): number;
  hintsBytes(): number;
  decodeHints(): number;
  isPause(): number;
  isOn(): number;
  workers(): number;
}

const probe = new Probe<Exports>(await compileProbe("flat-object", SOURCE));
const x = probe.exports;

function read(text: string): boolean {
  const bytes = Buffer.from(text);
  return x.read(probe.put(bytes), bytes.length) !== 0;
}

function hints(): Buffer {
  return Buffer.from(new Uint8Array(x.memory.buffer, x.hints(), x.hintsBytes()));
}

test("texts, numbers and words of a configuration are read", () => {
  expect(read(String.raw`{"attachment":"p\u0061use", "on":true,"workers":4,"x":null}`)).toBe(true);
  expect([x.isPause(), x.isOn(), x.workers()]).toEqual([1, 1, 4]);
  expect(read('{"attachment":"pauses","on":false,"workers":-4}')).toBe(true);
  expect([x.isPause(), x.isOn(), x.workers(), x.hasHints()]).toEqual([0, 0, 99, 0]);
  expect(read("{}")).toBe(true);
  expect([x.isPause(), x.isOn(), x.workers(), x.hints()]).toEqual([0, 0, 99, 0]);
});

test("any text comes out as it went in, and the last of a name counts", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(read(`{"hints":"x","hints":${JSON.stringify(text)}}`)).toBe(true);
      expect(hints().toString()).toBe(text);
    }),
  );
});

test.each(["", "[]", '{"a":{}}', '{"a":[]}', '{"a":1', '{"a":1}x', '{"a":NaN}', '"a"'])(
  "%s is refused, and has no members",
  (text) => {
    expect(read(text)).toBe(false);
    expect(x.hasHints()).toBe(0);
  },
);

test("more than 64 members are refused", () => {
  const text = (count: number) =>
    `{${Array.from({ length: count }, (_, index) => `"${index}":1`).join(",")}}`;
  expect([read(text(64)), read(text(65))]).toEqual([true, false]);
});

test("base64 of either alphabet, padded or not, is decoded where it stands", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom("base64", "base64url"), (bytes, alphabet) => {
      const text = Buffer.from(bytes).toString(alphabet as BufferEncoding);
      expect(read(`{"hints":"${text}","attachment":"pause"}`)).toBe(true);
      expect(x.decodeHints()).toBe(1);
      expect(hints()).toEqual(Buffer.from(bytes));
      expect(x.isPause()).toBe(1);
    }),
  );
});

test("a megabyte of base64 is decoded", () => {
  const bytes = Buffer.alloc(1 << 20, "hints!!");
  expect(read(`{"hints":"${bytes.toString("base64")}"}`)).toBe(true);
  expect([x.decodeHints(), hints().equals(bytes)]).toEqual([1, true]);
});

test.each(["A", "AAAAA", "AA*A", "A A=", "=A", "é"])("%s is not base64", (text) => {
  expect(read(`{"hints":"${text}"}`)).toBe(true);
  expect([x.decodeHints(), x.hasHints()]).toEqual([0, 0]);
});
