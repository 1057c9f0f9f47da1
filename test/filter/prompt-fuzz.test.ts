import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { anyBody } from "./arbitrary-body.ts";
import { API, PromptProbe, REASON, type ReadPrompt } from "./prompt-probe.ts";
import { respell, sequence } from "./spelling.ts";

const probe = new PromptProbe();
const anyApi = fc.constantFrom(...Object.values(API));

beforeAll(() => {
  // Everything that is taken once: the text's memory, the largest storage for keys and members.
  const members = Array.from({ length: 3000 }, (_, index) => `"${index}":1`).join(",");
  probe.read(`{"tools":{${members}},"messages":"${"x".repeat(1 << 21)}"}`);
});

function expectSound(read: ReadPrompt): void {
  expect(read.readable).toBe(read.reason === REASON.none);
  expect(read.keys.length).toBeLessThanOrEqual(read.readable ? 4104 : 0);
  expect(read.coveredBytes.at(-1)).toBeLessThanOrEqual(read.promptBytes);
  expect([...read.coveredBytes].sort((a, b) => a - b)).toEqual(read.coveredBytes);
}

test("no bytes make the walk trap, and no cut changes what it says", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), anyApi, (bytes, api) => {
      const read = probe.read(bytes, { api });
      expectSound(read);
      expect(probe.read(bytes, { api, pieceBytes: 1 })).toEqual(read);
    }),
    { numRuns: 3000 },
  );
});

test("nothing is read beyond a body that ends where memory ends", () => {
  const lone = new PromptProbe();
  const x = lone.exports;
  x.memory.grow(2);
  const anyBytes = fc.tuple(anyBody, fc.nat()).map(([{ body }, seed]) => {
    const text = Buffer.from(respell(body, sequence(seed)));
    return text.subarray(0, Math.min(seed % (text.length + 1), 2000));
  });
  const property = fc.property(anyBytes, anyApi, (bytes, api) => {
    const start = lone.memoryBytes() - bytes.length;
    new Uint8Array(x.memory.buffer).set(bytes, start);
    x.begin(api, 256, 1 << 20);
    x.walk(start, bytes.length);
    x.finish();
    expect(x.reason()).toBe(probe.read(bytes, { api }).reason);
  });
  fc.assert(property, { numRuns: 2000 });
});

test("bytes that look like JSON do not either", () => {
  const token = fc.constantFrom(
    ...'{ } [ ] : , " \\ / 0 1 - . e + t true false null N I -Infinity \\u d83d \\ud83d \\ude00'.split(
      " ",
    ),
    ...["messages", "content", "role", "text", "type", "prompt", "system", "tools", "input"].map(
      (name) => `"${name}":`,
    ),
    ...['"kv_transfer_params":', '"sampling_params":', '{"role":"user","content":"', "\n", " "],
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 60 }), anyApi, (tokens, api) => {
      const body = `{${tokens.join("")}`;
      const read = probe.read(body, { api });
      expectSound(read);
      expect(probe.read(body, { api, pieceBytes: 1 })).toEqual(read);
    }),
    { numRuns: 5000 },
  );
});

test("of changed and cut bodies the readable ones are those that are JSON objects", () => {
  const anyChange = fc.record({
    at: fc.nat(),
    length: fc.nat({ max: 3 }),
    text: fc.constantFrom("", "", "{", "}", "[", "]", ",", ":", '"', "\\", "0", "e", ".", "u", " "),
  });
  const cuts = fc.option(fc.nat(), { freq: 4 });
  fc.assert(
    fc.property(anyBody, fc.nat(), anyChange, cuts, ({ api, body }, seed, change, cut) => {
      let text = respell(body, sequence(seed));
      const at = change.at % (text.length + 1);
      text = text.slice(0, at) + change.text + text.slice(at + change.length);
      if (cut !== null) text = text.slice(0, cut % (text.length + 1));
      const read = probe.read(text, { api });
      expectSound(read);
      expect(probe.read(text, { api, pieceBytes: 7 })).toEqual(read);
      if (read.reason !== REASON.depth) expect(read.readable).toBe(isJsonObject(text));
    }),
    { numRuns: 3000 },
  );
});

function isJsonObject(text: string): boolean {
  // JSON.parse sees a lone half of a pair where a cut or change has split one; bytes do not.
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

test("a prompt that has ended leaves nothing behind for the one after it", () => {
  fc.assert(
    fc.property(anyBody, anyBody, fc.nat(), (first, second, seed) => {
      const text = JSON.stringify(second.body);
      const expected = new PromptProbe().read(text, { api: second.api });
      const before = respell(first.body, sequence(seed));
      probe.read(before.slice(0, seed % (before.length + 1)), { api: first.api });
      expect(probe.read(text, { api: second.api })).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test("once warm, prompts take no memory", () => {
  const bodies = fc.sample(anyBody, { numRuns: 300, seed: 1 });
  const allocatedBytes = probe.allocatedBytes(() => {
    for (const { api, body } of bodies) probe.read(JSON.stringify(body), { api });
    probe.read(`{"messages":"${"x".repeat(1 << 20)}"}`);
  });
  expect(allocatedBytes).toBe(0);
});

test("objects of thousands of members, and members of one name thousands of times, are read", () => {
  const times = 2500;
  const members = Array.from({ length: times }, (_, index) => `"${index}":${index}`);
  const turned = [...members].reverse();
  const body = (all: string[]) => `{"tools":{${all.join(",")}},"messages":"x"}`;
  expect(probe.read(body(turned)).keys).toEqual(probe.read(body(members)).keys);
  expect(probe.read(body([...turned, ...turned.slice(0, 9)])).keys).not.toEqual([]);
  const last = probe.read(body(["1:2".replace("1", '"1"')])).keys;
  const repeated = Array.from({ length: times }, (_, index) => `"1":${index}`);
  expect(probe.read(body([...repeated, '"1":2'])).keys).toEqual(last);
});
