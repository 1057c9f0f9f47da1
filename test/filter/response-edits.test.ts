import fc from "fast-check";
import { expect, test } from "vitest";
import { compileProbe, Probe } from "./probe.ts";
import { respell, sequence } from "./spelling.ts";

const SOURCE = `
import { EDIT_CACHED_TOKENS, EDIT_MODEL, ResponseEdits } from "./filter/request/response-edits.ts";
import { Usage } from "./filter/request/usage.ts";
const usage = new Usage();
const edits = new ResponseEdits();
const collected: usize = heap.alloc(1 << 22);
let bytes: u32 = 0;
function collect(at: usize, count: u32): void {
  memory.copy(collected + bytes, at, count);
  bytes += count;
}
export function begin(eventStream: bool): void {
  bytes = 0;
  edits.begin();
  usage.begin(eventStream, edits);
}
export function replaceModel(at: usize, count: u32): bool {
  return edits.replace(EDIT_MODEL, at, count);
}
export function replaceCached(count: u32): void { edits.replaceByNumber(EDIT_CACHED_TOKENS, count); }
export function read(source: usize, count: u32): void {
  edits.beginSlice(source, collect);
  usage.read(source, count);
  if (edits.isTouched) edits.endSlice(source + count);
  else collect(source, count);
}
export function collectedAt(): usize { return collected; }
export function collectedBytes(): u32 { return bytes; }
export function hasMissed(): bool { return edits.hasMissed; }
export function cachedTokens(): u32 { return usage.cachedTokens; }
export function complete(): bool { return usage.complete; }
`;

interface Exports {
  begin(eventStream: number): void;
  replaceModel(at: number, bytes: number): number;
  replaceCached(count: number): void;
  read(source: number, bytes: number): void;
  collectedAt(): number;
  collectedBytes(): number;
  hasMissed(): number;
  cachedTokens(): number;
  complete(): number;
}

interface Wanted {
  model?: string;
  cached?: number;
}

const probe = new Probe<Exports>(await compileProbe("response-edits", SOURCE));
const ASKED = "asked for";

function edited(body: string, isEventStream: boolean, wanted: Wanted, pieceBytes = 1 << 20) {
  const x = probe.exports;
  x.begin(isEventStream ? 1 : 0);
  const { model, cached } = wanted;
  if (model !== undefined) {
    const text = Buffer.from(JSON.stringify(model));
    expect(x.replaceModel(probe.put(text), text.length)).toBe(1);
  }
  if (cached !== undefined) x.replaceCached(cached);
  probe.putInPieces(Buffer.from(body), pieceBytes, x.read);
  return Buffer.from(Buffer.from(x.memory.buffer, x.collectedAt(), x.collectedBytes())).toString();
}

/** Edited in one piece, which is the same as in pieces of any length. */
function editedInAll(body: string, isEventStream: boolean, wanted: Wanted): string {
  const whole = edited(body, isEventStream, wanted);
  for (let pieceBytes = 1; pieceBytes <= 17; pieceBytes++) {
    expect(edited(body, isEventStream, wanted, pieceBytes)).toBe(whole);
  }
  return whole;
}

/** Cut in two at every byte. */
function editedInTwo(body: string, isEventStream: boolean, wanted: Wanted): Set<string> {
  const { length } = Buffer.from(body);
  const results = new Set<string>();
  for (let cut = 1; cut < length; cut++) results.add(edited(body, isEventStream, wanted, cut));
  return results;
}

test.each([
  [
    "the model",
    '{"id":"x","model":"target","choices":[]}',
    '{"id":"x","model":"asked for","choices":[]}',
  ],
  ["a model with white space", '{ "model" : "target" }', '{ "model" : "asked for" }'],
  [
    "an escaped name and value",
    String.raw`{"mod\u0065l":"a\"\u00e9\\"}`,
    String.raw`{"mod\u0065l":"asked for"}`,
  ],
  ["each of two models", '{"model":"a","model":"b"}', '{"model":"asked for","model":"asked for"}'],
  ["an empty model", '{"model":""}', '{"model":"asked for"}'],
  ["the responses API's model", '{"response":{"model":"a"}}', '{"response":{"model":"asked for"}}'],
  ["the messages API's model", '{"message":{"model":"a"}}', '{"message":{"model":"asked for"}}'],
])("%s is put back", (_, body, expected) => {
  expect(editedInAll(body, false, { model: ASKED })).toBe(expected);
  expect(editedInTwo(body, false, { model: ASKED })).toEqual(new Set([expected]));
});

test.each([
  ["no model", '{"id":"x"}'],
  ["a model that is no string", '{"model":null,"a":{"model":"b"}}'],
  ["a model within choices", '{"choices":[{"model":"a","message":{"model":"b"}}]}'],
  ["a model's text within content", String.raw`{"content":"\"model\":\"a\""}`],
  ["a list", '[{"model":"a"}]'],
  ["no JSON", "model: a"],
])("%s stays", (_, body) => {
  expect(editedInAll(body, false, { model: ASKED })).toBe(body);
});

const USAGES = [
  ['{"usage":{"prompt_tokens_details":{"cached_tokens":', "}}}"],
  ['{"response":{"usage":{"input_tokens_details":{"cached_tokens":', "}}}}"],
  ['{"meta_info":{"cached_tokens":', ',"prompt_tokens":9}}'],
];

test("the count of cached tokens stays where that of prompt tokens leaves them out", () => {
  const body = '{"message":{"usage":{"input_tokens":3,"cache_read_input_tokens":7}}}';
  expect(editedInAll(body, false, { cached: 64 })).toBe(body);
});

test.each(USAGES)("the count of cached tokens is replaced at %s", (before, behind) => {
  for (const old of ["0", "7", "123456", "1.0"]) {
    const body = before + old + behind;
    expect(editedInAll(body, false, { cached: 64 })).toBe(`${before}64${behind}`);
  }
  for (const old of ["null", "-1", "-Infinity", '"7"']) {
    const body = before + old + behind;
    expect(editedInAll(body, false, { cached: 64 })).toBe(body);
  }
});

test("counts are read as the server tells them, and both members are replaced in one answer", () => {
  const body = '{"model":"t","usage":{"prompt_tokens_details":{"cached_tokens":5}}}';
  const expected = '{"model":"asked for","usage":{"prompt_tokens_details":{"cached_tokens":64}}}';
  expect(editedInAll(body, false, { model: ASKED, cached: 64 })).toBe(expected);
  expect(probe.exports.cachedTokens()).toBe(5);
  expect(probe.exports.complete()).toBe(1);
});

const EVENTS = [
  'data: {"id":"1","model":"target","choices":[{"delta":{"content":"a"}}]}\n\n',
  'data:{"model":"target"}\r\n\r\n',
  ': a comment about "model":"target"\n\n',
  'event: message_start\ndata: {"type":"message_start","message":{"model":"target"}}\n\n',
  'data: {"model":"target",\ndata:  "usage":{"prompt_tokens_details":{"cached_tokens":5\n',
  "data: }}}\n\n",
  'data: {"model":"\\u0074"}\n\n',
  "data: [DONE]\n\n",
];

test("each event of a stream is edited, wherever it is cut", () => {
  const body = EVENTS.join("");
  const expected = body
    .replaceAll(/([^\w] ?"model":)"[^"]*"(?=[,}])/g, '$1"asked for"')
    .replace('"cached_tokens":5', '"cached_tokens":64');
  expect(editedInTwo(body, true, { model: ASKED, cached: 64 })).toEqual(new Set([expected]));
  expect(editedInAll(body, true, { model: ASKED, cached: 64 })).toBe(expected);
  expect(expected.match(/asked for/g)).toHaveLength(5);
  expect(probe.exports.hasMissed()).toBe(0);
});

test("a string that breaks off within a line leaves the lines of the stream as they are", () => {
  const body = 'data: {"model":"tar\ndata: get"}\n\ndata: {"model":"target"}\n\n';
  const expected = 'data: {"model":"asked for"\ndata: get"}\n\ndata: {"model":"asked for"}\n\n';
  expect(editedInAll(body, true, { model: ASKED })).toBe(expected);
});

test("an answer of many events in one chunk, with a name much longer than theirs", () => {
  const model = "x".repeat(500);
  const body = 'data: {"model":"a"}\n\n'.repeat(3000);
  expect(edited(body, true, { model })).toBe(`data: {"model":"${model}"}\n\n`.repeat(3000));
});

test("a model longer than a chunk, or behind much else, is edited too", () => {
  const content = "y".repeat(300_000);
  const body = JSON.stringify({ content, model: "z".repeat(200_000), more: content });
  const expected = JSON.stringify({ content, model: ASKED, more: content });
  for (const pieceBytes of [1 << 20, 65_536, 1000]) {
    expect(edited(body, false, { model: ASKED }, pieceBytes)).toBe(expected);
  }
});

test("what is nested too deep passes from there on, and is told", () => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  const body = (levels: number) => `{"model":"a","deep":${deep(levels)},"model":"b"}`;
  const both = body(63).replaceAll(/"model":"."/g, '"model":"asked for"');
  expect(editedInAll(body(63), false, { model: ASKED })).toBe(both);
  expect(probe.exports.hasMissed()).toBe(0);
  const first = body(64).replace('"a",', '"asked for",');
  expect(editedInAll(body(64), false, { model: ASKED })).toBe(first);
  expect(probe.exports.hasMissed()).toBe(1);
});

test("a text over 512 bytes is refused", () => {
  const text = Buffer.alloc(513, "x");
  expect(probe.exports.replaceModel(probe.put(text), text.length)).toBe(0);
});

const anyAnswer = fc.record(
  {
    id: fc.string(),
    model: fc.oneof(fc.string(), fc.constant(null), fc.integer()),
    choices: fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 3 }),
    response: fc.record({ model: fc.string(), output: fc.jsonValue({ maxDepth: 2 }) }),
    usage: fc.record({ prompt_tokens_details: fc.record({ cached_tokens: fc.nat() }) }),
  },
  { requiredKeys: [] },
);

test("an edited answer is the same document but for the members, however it is spelled and cut", () => {
  fc.assert(
    fc.property(
      anyAnswer,
      fc.string({ maxLength: 60 }),
      fc.nat(),
      fc.integer({ min: 1, max: 200 }),
      (answer, model, seed, pieceBytes) => {
        const text = respell(answer as never, sequence(seed));
        const expected = JSON.parse(text) as Record<string, never>;
        const { response, usage } = expected as typeof answer;
        if (typeof expected["model"] === "string") Object.assign(expected, { model });
        if (response) response.model = model;
        if (usage) usage.prompt_tokens_details.cached_tokens = 64;
        const result = edited(text, false, { model, cached: 64 }, pieceBytes);
        expect(JSON.parse(result)).toEqual(expected);
        const line = `data: ${text.replaceAll(/\s*\n\s*/g, " ")}\n\n`;
        const event = edited(line.repeat(2), true, { model, cached: 64 }, pieceBytes);
        for (const data of event.trim().split("\n\n")) {
          expect(JSON.parse(data.slice(6))).toEqual(expected);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("no bytes make it trap or allocate, and cuts change nothing", () => {
  edited("x".repeat(100_000), true, { model: ASKED, cached: 1 });
  const used = probe.allocatedBytes(() => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...EVENTS, ...'{}[]":,\n\r\\m1-', '"model"', "data:")),
        fc.boolean(),
        (parts, isEventStream) => {
          const body = parts.join("");
          const whole = edited(body, isEventStream, { model: ASKED, cached: 1 });
          expect(edited(body, isEventStream, { model: ASKED, cached: 1 }, 1)).toBe(whole);
        },
      ),
      { numRuns: 2000 },
    );
  });
  expect(used).toBe(0);
});
