import { expect, test } from "vitest";
import { API, hex, PromptProbe, REASON } from "./prompt-probe.ts";
import { stripeHash } from "./reference-hash.ts";

const probe = new PromptProbe();
const LONG = "0123456789abcdef".repeat(100);

test.each([
  ["/v1/chat/completions", API.chat],
  ["/v1/chat/completions?api-version=1", API.chat],
  ["/team-a/v1/chat/completions", API.chat],
  ["/v1/completions", API.completions],
  ["/openai/v1/responses", API.responses],
  ["/v1/messages", API.messages],
  ["/v1/messages/count_tokens", API.none],
  ["/v1/embeddings", API.embeddings],
  ["/inference/v1/generate", API.vllmGenerate],
  ["/generate", API.sglangGenerate],
  ["/generate?x=/v1/messages", API.sglangGenerate],
  ["/v1/chat/%63ompletions", API.chat],
  ["/%76%31/%63hat/completion%73?%2f", API.chat],
  ["/v1%2fmessages", API.messages],
  ["/v1/messages%3Fx", API.none],
  ["/v1/%2563ompletions", API.none],
  ["/v1/%c3%6fompletions", API.none],
  ["/v1/completions%", API.none],
  ["/v1/%zzmessages", API.none],
  ["%67enerate", API.none],
  ["/%67enerate", API.sglangGenerate],
  [`/${"%61".repeat(99)}/v1/embeddings`, API.embeddings],
  ["/v1/Embeddings", API.none],
  ["/v1/models", API.none],
  ["", API.none],
])("the path %s is of API %i", (path, api) => {
  expect(probe.apiOf(path)).toBe(api);
});

test("the model's name is hashed as the protocol hashes names, unescaped", () => {
  const name = "org/modèle";
  const { low, high } = stripeHash(name);
  expect(probe.read(String.raw`{"model":"org\/mod\u00e8le"}`).model).toBe(hex(low, high));
  expect(probe.read(JSON.stringify({ model: name, messages: LONG })).model).toBe(hex(low, high));
  expect(probe.read('{"model":null}').model).toBeNull();
  expect(probe.read('{"model":"a","model":5}').model).toBeNull();
});

test("usage is asked for by the stream's options alone", () => {
  const asksUsage = (options: string) => probe.read(`{"stream_options":${options}}`).asksUsage;
  expect(asksUsage('{"include_usage":true}')).toBe(true);
  expect(asksUsage('{"include_usage":true,"include_usage":false}')).toBe(false);
  expect(asksUsage('{"include_usage":1}')).toBe(false);
  expect(asksUsage("null")).toBe(false);
  expect(probe.read('{"include_usage":true}').asksUsage).toBe(false);
});

test("stream is what its last member says", () => {
  expect(probe.read('{"stream":true}').stream).toBe(true);
  expect(probe.read('{"stream":true,"stream":false}').stream).toBe(false);
  expect(probe.read('{"stream":"true"}').stream).toBe(false);
  expect(probe.read('{"nested":{"stream":true}}').stream).toBe(false);
});

test.each([
  ['{"max_tokens":12}', 12],
  ['{"max_output_tokens":12}', 12],
  ['{"max_completion_tokens":12,"max_tokens":5}', 12],
  ['{"sampling_params":{"max_tokens":12}}', 12],
  ['{"sampling_params":{"max_new_tokens":12}}', 12],
  ['{"max_tokens":null}', 0],
  ['{"max_tokens":-3}', 0],
  ['{"max_tokens":1.5}', 0],
  ["{}", 0],
])("of %s the most tokens are %i", (body, maxTokens) => {
  expect(probe.read(body).maxTokens).toBe(maxTokens);
});

test.each([
  ["", REASON.unfinished],
  ["[]", REASON.notAnObject],
  ['"text"', REASON.syntax],
  ["17", REASON.syntax],
  ['{"a":1', REASON.unfinished],
  ['{"a":1}}', REASON.syntax],
  ['{"a":1,}', REASON.syntax],
  ["{'a':1}", REASON.syntax],
  ['{"a":01}', REASON.syntax],
  ['{"a":"\t"}', REASON.syntax],
  ['{"a":"\\x"}', REASON.syntax],
  ['{"a":"\\u12g4"}', REASON.syntax],
  ['{"a":tru}', REASON.syntax],
  [`{"a":${"[".repeat(64)}${"]".repeat(64)}}`, REASON.depth],
])("%s has no keys, for reason %i", (body, reason) => {
  const mayHideMembers = reason === REASON.depth;
  expect(probe.read(body)).toMatchObject({ readable: false, reason, mayHideMembers, keys: [] });
});

test.each([
  `{"a":${"[".repeat(63)}${"]".repeat(63)}}`,
  '{"a":[NaN,Infinity,-Infinity,-0,1e5,1.5E-3,-2.0e+1,true,false,null]}',
  '\ufeff{"a":1}',
  " \n{ } \t\r\n",
])("%s is readable", (body) => {
  expect(probe.read(body)).toMatchObject({ readable: true, reason: REASON.none });
});

test.each(["utf16le", "be"])("a body in UTF-16 (%s) is told apart from broken JSON", (order) => {
  const little = Buffer.from('{"kv_transfer_params":{}}', "utf16le");
  const body = order === "be" ? Buffer.from(little).swap16() : little;
  const marks = [[], [0xff, 0xfe], [0xfe, 0xff]];
  const lists =
    order === "be"
      ? [
          [0, 0x5b],
          [0, 0x0a],
        ]
      : [
          [0x5b, 0],
          [0x0a, 0],
        ];
  for (const first of [...marks, ...lists]) {
    const bytes = Buffer.from([...first, ...body]);
    for (const pieceBytes of [1, 3, bytes.length]) {
      const read = probe.read(bytes, { pieceBytes });
      expect(read).toMatchObject({ reason: REASON.encoding, mayHideMembers: true });
    }
  }
});

test.each(["le", "be"])("a body in UTF-32 (%s) is told apart from broken JSON", (order) => {
  const wide = Buffer.from('{"kv_transfer_params":{}}', "utf16le");
  const little = Buffer.from([...wide].flatMap((byte, at) => (at % 2 ? [byte, 0, 0] : [byte])));
  const body = order === "be" ? Buffer.from(little).swap32() : little;
  for (const mark of [[], order === "be" ? [0, 0, 0xfe, 0xff] : [0xff, 0xfe, 0, 0]]) {
    const read = probe.read(Buffer.from([...mark, ...body]));
    expect(read).toMatchObject({ reason: REASON.encoding, mayHideMembers: true });
  }
});

test("of a body for no known API the model is read, and no prompt", () => {
  const body = { model: "m", messages: LONG, prompt: LONG, input: LONG, tools: [LONG], text: LONG };
  const read = probe.read(JSON.stringify(body), { api: API.none });
  expect(read).toMatchObject({ readable: true, keys: [], promptBytes: 0 });
  expect(read.model).toBe(probe.read(JSON.stringify(body)).model);
});

test("beyond the walk's limit there are no keys, but model and weight are still found", () => {
  const body = JSON.stringify({ messages: [{ content: LONG, role: "user" }], model: "m" });
  const whole = probe.read(body);
  for (const pieceBytes of [1, 100, body.length]) {
    const cut = probe.read(body, { walkBytesMax: 800, pieceBytes });
    expect(cut).toMatchObject({ readable: true, truncated: true, model: whole.model });
    expect(cut.keys).toEqual(whole.keys.slice(0, 3));
    expect(cut.promptBytes).toBe(whole.promptBytes);
  }
  expect(whole).toMatchObject({ truncated: false });
  expect(probe.read(body, { walkBytesMax: body.length }).truncated).toBe(false);
});

test("a system text beyond the walk's limit leaves only the keys before it", () => {
  const body = { model: "m", tools: [1], messages: LONG, system: LONG };
  const whole = probe.read(JSON.stringify(body), { api: API.messages });
  const cut = probe.read(JSON.stringify(body), { api: API.messages, walkBytesMax: 2200 });
  expect(whole.keys.length).toBeGreaterThan(10);
  expect(cut.keys).toEqual(whole.keys.slice(0, cut.keys.length));
  expect(cut.keys).toHaveLength(3);
  expect(cut.promptBytes).toBe(whole.promptBytes);
});

test("a prompt has at most 4,112 keys, and says when it would have more", () => {
  const content = "x".repeat(256 * 4 * 4200);
  const read = probe.read(JSON.stringify({ messages: content, tools: [1] }), {
    walkBytesMax: 2 ** 23,
  });
  expect(read.keys).toHaveLength(4112);
  expect(read.truncated).toBe(true);
  const short = probe.read(
    JSON.stringify({ messages: content.slice(0, 256 * 4 * 300), tools: [1] }),
  );
  expect(short.keys).toEqual(read.keys.slice(0, 307));
});
