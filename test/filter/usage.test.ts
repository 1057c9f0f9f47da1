import fc from "fast-check";
import { expect, test } from "vitest";
import { compileProbe, Probe } from "./probe.ts";

const SOURCE = `
import { Usage } from "./filter/request/usage.ts";
const usage = new Usage();
export function begin(eventStream: bool): void { usage.begin(eventStream, null); }
export function read(source: usize, bytes: u32): void { usage.read(source, bytes); }
export function promptTokens(): u32 { return usage.promptTokens; }
export function cachedTokens(): u32 { return usage.cachedTokens; }
export function completionTokens(): u32 { return usage.completionTokens; }
export function complete(): bool { return usage.complete; }
`;

interface Exports {
  begin(eventStream: number): void;
  read(source: number, bytes: number): void;
  promptTokens(): number;
  cachedTokens(): number;
  completionTokens(): number;
  complete(): number;
}

const probe = new Probe<Exports>(await compileProbe("usage", SOURCE));
const NOT_TOLD = { prompt: null, cached: null, completion: null };

function read(body: string | Uint8Array, isEventStream = false, pieceBytes = 1 << 20) {
  const x = probe.exports;
  x.begin(isEventStream ? 1 : 0);
  probe.putInPieces(typeof body === "string" ? Buffer.from(body) : body, pieceBytes, x.read);
  return {
    prompt: count(x.promptTokens()),
    cached: count(x.cachedTokens()),
    completion: count(x.completionTokens()),
    complete: x.complete() !== 0,
  };
}

function count(tokens: number): number | null {
  return tokens === -1 ? null : tokens;
}

/** Read in one piece, and cut at every byte. */
function readBoth(body: string, isEventStream: boolean) {
  const whole = read(body, isEventStream);
  for (const pieceBytes of [1, 2, 3, 7, 64]) {
    expect(read(body, isEventStream, pieceBytes)).toEqual(whole);
  }
  return whole;
}

function events(...data: unknown[]): string {
  const lines = data.map((event) => (typeof event === "string" ? event : JSON.stringify(event)));
  return lines.map((line) => `data: ${line}\n\n`).join("");
}

const chunk = (usage?: unknown) => ({ choices: [{ delta: { content: "token" } }], usage });
const OPENAI = {
  prompt_tokens: 10,
  completion_tokens: 5,
  prompt_tokens_details: { cached_tokens: 4 },
};
const RESPONSES = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 5,
};
const ANTHROPIC = {
  input_tokens: 1,
  cache_creation_input_tokens: 5,
  cache_read_input_tokens: 4,
  output_tokens: 5,
};
const TOLD = { prompt: 10, cached: 4, completion: 5, complete: true };

test.each([
  ["OpenAI", { id: "x", choices: [{ message: { content: "hi" } }], usage: OPENAI }],
  ["Responses", { object: "response", output: [{ type: "message" }], usage: RESPONSES }],
  ["Anthropic", { type: "message", content: [{ type: "text" }], usage: ANTHROPIC }],
  [
    "SGLang",
    { text: "x", meta_info: { prompt_tokens: 10, completion_tokens: 5, cached_tokens: 4 } },
  ],
])("the counts of a whole answer of %s are read", (_, body) => {
  expect(readBoth(JSON.stringify(body), false)).toEqual(TOLD);
  expect(readBoth(JSON.stringify(body, null, 2), false)).toEqual(TOLD);
});

test.each([
  ["OpenAI", events(chunk(), chunk(null), { choices: [], usage: OPENAI }, "[DONE]")],
  [
    "OpenAI with counts in every chunk",
    events(chunk({ ...OPENAI, completion_tokens: 1 }), chunk(OPENAI), chunk(null), "[DONE]"),
  ],
  [
    "Responses",
    events(
      { type: "response.created", response: { usage: null } },
      { type: "response.output_text.delta", delta: "x" },
      { type: "response.completed", response: { output: [], usage: RESPONSES } },
    ),
  ],
  [
    "Anthropic",
    `event: message_start\n${events(
      { type: "message_start", message: { usage: { ...ANTHROPIC, output_tokens: 1 } } },
      { type: "content_block_delta", delta: { type: "text_delta", text: "x" } },
      { type: "message_delta", delta: {}, usage: { output_tokens: 5 } },
    )}event: message_stop\n${events({ type: "message_stop" })}`,
  ],
  [
    "SGLang",
    events(
      { text: "x", meta_info: { prompt_tokens: 10, completion_tokens: 1, cached_tokens: 4 } },
      { text: "xy", meta_info: { prompt_tokens: 10, completion_tokens: 5, cached_tokens: 4 } },
      "[DONE]",
    ),
  ],
])("the counts of a stream of %s are read", (_, stream) => {
  expect(readBoth(stream, true)).toEqual(TOLD);
  expect(readBoth(stream.replaceAll("\n", "\r\n"), true)).toEqual(TOLD);
  expect(readBoth(stream.replaceAll("data: ", "data:"), true)).toEqual(TOLD);
});

test("an event's data over several lines, and comments between, are read", () => {
  const lines = JSON.stringify({ usage: OPENAI }, null, 1).split("\n");
  const stream = `: ping\n\n${lines.map((line) => `data: ${line}\n`).join(": x\n")}\n`;
  expect(readBoth(stream, true)).toEqual({ ...TOLD, complete: false });
});

test("a stream that was cut before its end is not complete", () => {
  const stream = events(chunk(), { choices: [], usage: OPENAI }, "[DONE]");
  expect(read(stream.slice(0, stream.indexOf("[DONE]") + 5), true).complete).toBe(false);
  expect(read('{"usage":{}', false).complete).toBe(false);
});

test("what is not a count at its known place does not count", () => {
  const answers = [
    { choices: [{ message: { content: JSON.stringify({ usage: OPENAI }) } }] },
    { choices: [{ usage: OPENAI }], x: { usage: OPENAI } },
    { usage: { prompt_tokens: "10", completion_tokens: -5, x: { prompt_tokens: 3 } } },
    { usage: [OPENAI] },
    { 'x"usage":{': OPENAI, usage: null },
    { message: { response: { usage: OPENAI } } },
  ];
  for (const answer of answers) {
    expect(readBoth(JSON.stringify(answer), false)).toEqual({ ...NOT_TOLD, complete: true });
  }
  const text = events("not JSON [DONE]", chunk("[DONE]"), { type: "x message_stop" });
  expect(readBoth(text, true)).toEqual({ ...NOT_TOLD, complete: false });
});

test("an event that is not JSON does not hide the next", () => {
  const stream = events('{"usage":{"prompt_tokens":1', { usage: OPENAI }, "[DONE]");
  expect(readBoth(stream, true)).toEqual(TOLD);
});

test("no bytes make it trap or take memory, and no cut changes what it says", () => {
  const token = fc.constantFrom(
    ...["data:", "data: ", "\n", "\n\n", "\r\n", "[DONE]", "{", "}", "[", "]", ",", "event: x"],
    ...['"usage":', '"message":', '"type":', '"message_stop"', '"input_tokens":', "7", "null"],
  );
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.array(token, { maxLength: 40 }).map((tokens) => Buffer.from(tokens.join(""))),
  );
  const property = fc.property(anyBytes, fc.boolean(), (bytes, isEventStream) => {
    expect(read(bytes, isEventStream, 1)).toEqual(read(bytes, isEventStream));
  });
  probe.put(Buffer.alloc(1 << 12));
  expect(probe.allocatedBytes(() => fc.assert(property, { numRuns: 5000 }))).toBe(0);
});
