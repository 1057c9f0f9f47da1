import fc from "fast-check";
import { expect, test } from "vitest";
import { compileProbe, Probe } from "./probe.ts";

const SOURCE = `
import { BodyEdits } from "./filter/request/body-edits.ts";
const edits = new BodyEdits();
export function begin(): void { edits.begin(); }
export function replace(start: u32, end: u32, text: usize, bytes: u32): bool {
  return edits.replace(start, end, text, bytes);
}
export function blank(start: u32, end: u32): bool { return edits.blank(start, end); }
export function growth(): i32 { return edits.growth(); }
export function nextPiece(slice: usize, start: u32, end: u32): bool {
  return edits.nextPiece(slice, start, end);
}
export function pieceAt(): usize { return edits.pieceAt; }
export function pieceBytes(): u32 { return edits.pieceBytes; }
`;

interface Exports {
  begin(): void;
  replace(start: number, end: number, text: number, bytes: number): number;
  blank(start: number, end: number): number;
  growth(): number;
  nextPiece(slice: number, start: number, end: number): number;
  pieceAt(): number;
  pieceBytes(): number;
}

/** Without a text, the range is blanked. */
interface Edit {
  start: number;
  end: number;
  text?: string | undefined;
}

const probe = new Probe<Exports>(await compileProbe("body-edits", SOURCE));

function add({ start, end, text }: Edit): boolean {
  const x = probe.exports;
  if (text === undefined) return x.blank(start, end) !== 0;
  const bytes = Buffer.from(text);
  return x.replace(start, end, probe.put(bytes), bytes.length) !== 0;
}

/** The body as it passes in slices, and how much longer it was said to become. */
function edited(body: string, edits: Edit[], sliceBytes = 1 << 16) {
  const x = probe.exports;
  x.begin();
  for (const edit of edits) expect(add(edit)).toBe(true);
  const bytes = Buffer.from(body);
  const pieces: Buffer[] = [];
  const slice = probe.put(bytes);
  for (let start = 0; start < bytes.length; start += sliceBytes) {
    const end = Math.min(bytes.length, start + sliceBytes);
    while (x.nextPiece(slice + start, start, end)) {
      pieces.push(Buffer.from(Buffer.from(x.memory.buffer, x.pieceAt(), x.pieceBytes())));
    }
  }
  return { text: Buffer.concat(pieces).toString(), growth: x.growth() };
}

/** Ranges that are apart, in order, over a body of their own making. */
const anyEdits = fc
  .array(
    fc.record({
      before: fc.string({ maxLength: 9 }),
      old: fc.string({ maxLength: 9 }),
      text: fc.option(fc.string({ maxLength: 20 }), { nil: undefined }),
    }),
    { maxLength: 12 },
  )
  .map((parts) => {
    const edits: Edit[] = [];
    let body = "";
    let expected = "";
    for (const { before, old, text } of parts) {
      body += before;
      const start = Buffer.byteLength(body);
      body += old;
      edits.push({ start, end: Buffer.byteLength(body), text });
      expected += before + (text ?? " ".repeat(Buffer.byteLength(old)));
    }
    return { body: `${body}.`, edits, expected: `${expected}.` };
  });

test("each range holds its text, whatever the order of the edits and the cuts between slices", () => {
  fc.assert(
    fc.property(anyEdits, fc.integer({ min: 1, max: 40 }), fc.boolean(), (any, bytes, isTurned) => {
      const { body, edits, expected } = any;
      // What is inserted at one place stands in the order of the calls.
      const isOrdered = edits.some(({ start, end }) => start === end) || !isTurned;
      const given = isOrdered ? edits : edits.toReversed();
      const { text, growth } = edited(body, given, bytes);
      expect(text).toBe(expected);
      expect(growth).toBe(Buffer.byteLength(expected) - Buffer.byteLength(body));
    }),
    { numRuns: 2000 },
  );
});

test("what is inserted before a range and behind it stands beside its text", () => {
  const range = { start: 1, end: 3, text: "new" };
  const before = { start: 1, end: 1, text: "<" };
  const behind = { start: 3, end: 3, text: ">" };
  for (const edits of [
    [before, range, behind],
    [behind, range, before],
    [range, behind, before],
  ]) {
    expect(edited("aXXb", edits).text).toBe("a<new>b");
  }
});

test("what is inserted at the end of a slice, or of the body, is not lost", () => {
  const edits = [
    { start: 2, end: 2, text: "1" },
    { start: 2, end: 2, text: "2" },
    { start: 4, end: 4, text: "3" },
  ];
  for (let sliceBytes = 1; sliceBytes <= 5; sliceBytes++) {
    expect(edited("abcd", edits, sliceBytes).text).toBe("ab12cd3");
  }
});

test("of two ranges that nest, the outer one is edited, whichever came first", () => {
  const outer = { start: 1, end: 5, text: "outer" };
  const inner: Edit[] = [
    { start: 1, end: 3 },
    { start: 2, end: 4, text: "inner" },
    { start: 3, end: 3, text: "inserted" },
    { start: 4, end: 5, text: "" },
  ];
  for (const one of inner) {
    expect(edited("abcdef", [outer, one]).text).toBe("aouterf");
    expect(edited("abcdef", [one, outer]).text).toBe("aouterf");
  }
  expect(edited("abcdef", [...inner, outer]).text).toBe("aouterf");
});

test("of two texts for one range, the later one stands there", () => {
  const edits = ["first", "second"].map((text) => ({ start: 1, end: 2, text }));
  expect(edited("abc", edits).text).toBe("asecondc");
});

test("more edits than 32, or more text than 64 KiB, are refused, and those before stand", () => {
  const edits = Array.from({ length: 32 }, (_, index) => ({ start: index, end: index + 1 }));
  edited("x".repeat(99), edits);
  expect(add({ start: 40, end: 41 })).toBe(false);
  expect(add({ start: 0, end: 32 })).toBe(true);
  expect(add({ start: 40, end: 41, text: "x".repeat(64 * 1024) })).toBe(true);
  expect(add({ start: 50, end: 50, text: "x" })).toBe(false);
});

test("edits allocate nothing", () => {
  const edits = [
    { start: 1, end: 2, text: "long" },
    { start: 0, end: 1 },
  ];
  edited("abc", edits);
  expect(probe.allocatedBytes(() => edited("abc", edits))).toBe(0);
});
