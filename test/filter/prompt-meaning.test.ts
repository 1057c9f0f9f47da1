import { expect, test } from "vitest";
import { API, PromptProbe } from "./prompt-probe.ts";
import type { Json, JsonObject } from "./reference-prompt.ts";

const probe = new PromptProbe();
const LONG = "All happy families are alike; each unhappy family is unhappy in its own way. ".repeat(
  9,
);

function keysOf(body: Json | string, api: number = API.chat): string[] {
  return probe.read(typeof body === "string" ? body : JSON.stringify(body), { api }).keys;
}

function chat(change: JsonObject = {}, messages: Json = [{ role: "user", content: LONG }]): Json {
  return { model: "m", messages, ...change };
}

/** How many leading keys are the same. */
function shared(a: string[], b: string[]): number {
  const index = a.findIndex((key, at) => key !== b[at]);
  return index === -1 ? a.length : index;
}

test.each<[string, JsonObject]>([
  ["model", { model: "m2" }],
  ["cache salt", { cache_salt: "s" }],
  ["tool", { tools: [{ type: "function", function: { name: "f" } }] }],
  ["chat template argument", { chat_template_kwargs: { enable_thinking: false } }],
])("another %s changes every key", (_, change) => {
  const keys = keysOf(chat(change)).slice(-2);
  expect(keysOf(chat()).slice(-2)).toHaveLength(2);
  expect(keys.filter((key) => keysOf(chat()).includes(key))).toEqual([]);
});

test.each([
  [{ temperature: 0.1 }],
  [{ stream: true, max_tokens: 5 }],
  [{ tools: null }],
  [{ user: "somebody", metadata: { messages: [{ role: "user", content: "x" }] } }],
])("%j changes no key", (change) => {
  expect(keysOf(chat(change))).toEqual(keysOf(chat()));
});

test("a changed role changes the keys of its message and of all after it, none before it", () => {
  const messages = (role: string) => [
    { role: "system", content: LONG },
    { content: LONG, role },
    { role: "user", content: LONG },
  ];
  const user = keysOf(chat({}, messages("user")));
  const tool = keysOf(chat({}, messages("tool")));
  expect(user).toHaveLength(8);
  expect(shared(user, tool)).toBe(2);
  expect(user.filter((key) => tool.includes(key))).toHaveLength(2);
});

test("a conversation that goes on keeps the keys it had", () => {
  const first = [
    { role: "system", content: LONG },
    { role: "user", content: "What is it like?" },
  ];
  const next = [...first, { role: "assistant", content: LONG }, { role: "user", content: LONG }];
  const before = keysOf(chat({}, first));
  expect(before.length).toBeGreaterThan(1);
  expect(keysOf(chat({}, next)).slice(0, before.length)).toEqual(before);
});

test("a message cut in two is another prompt than the whole", () => {
  const [head, tail] = [LONG.slice(0, 64), LONG.slice(64)];
  const whole = keysOf(chat({}, [{ role: "user", content: LONG }]));
  const cut = keysOf(
    chat({}, [
      { role: "user", content: head },
      { role: "user", content: tail },
    ]),
  );
  expect(shared(whole, cut)).toBe(0);
});

test("tool calls of a message change the keys after it", () => {
  const messages = (name: string) => [
    { role: "user", content: LONG },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "1", type: "function", function: { name, arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "1", content: LONG },
  ];
  const f = keysOf(chat({}, messages("f")));
  const g = keysOf(chat({}, messages("g")));
  expect(shared(f, g)).toBe(2);
  expect(f.length).toBeGreaterThan(4);
});

test("an image changes the keys from where it stands, by its URL or bytes", () => {
  const image = (url: string) => ({ type: "image_url", image_url: { url } });
  const keys = (url: string) =>
    keysOf(chat({}, [{ role: "user", content: [{ type: "text", text: LONG }, image(url)] }]));
  const [a, b] = [keys("data:image/png;base64,AAAA"), keys("data:image/png;base64,AAAB")];
  expect(a).toHaveLength(6);
  expect(shared(a, b)).toBe(2);
});

test("an image of a megabyte weighs 1,024 bytes", () => {
  const source = { type: "base64", media_type: "image/png", data: "A".repeat(1 << 20) };
  const content = [{ type: "image", source }];
  const body = JSON.stringify(chat({}, [{ role: "user", content }]));
  expect(probe.read(body).promptBytes).toBe(1024);
});

test("a text means the same as a string, as a part, and as parts cut at a line's end", () => {
  const lines = ["first line", LONG, "last line"];
  const spellings = [
    lines.join("\n"),
    [{ type: "text", text: lines.join("\n") }],
    lines.map((text) => ({ type: "text", text })),
    lines.map((text) => ({ cache_control: { type: "ephemeral" }, text, type: "input_text" })),
  ];
  const all = spellings.map((content) => keysOf(chat({}, [{ role: "user", content }])));
  expect(new Set(all.map((keys) => keys.join())).size).toBe(1);
  expect(all[0]).toHaveLength(3);
});

test("members of a message that are null are as if absent", () => {
  const bare = { role: "assistant", content: LONG };
  const full = { ...bare, refusal: null, tool_calls: null, audio: null };
  const user = { role: "user", content: LONG };
  expect(keysOf(chat({}, [full, user]))).toEqual(keysOf(chat({}, [bare, user])));
});

test("the last of two members of one name counts", () => {
  const junk = `[{"role":"user","content":"${"junk ".repeat(100)}"}]`;
  const text = JSON.stringify(LONG);
  const message = `{"role":"x","content":["${LONG}"],"content":${text},"role":"user"}`;
  const twice = `{"model":"n","messages":${junk},"tools":[1],"model":"m","messages":[${message}],"tools":null}`;
  expect(keysOf(twice)).toEqual(keysOf(chat()));
});

test("a half of a surrogate pair alone is U+FFFD, as every UTF-8 encoder writes it", () => {
  const body = (content: string) => `{"messages":[{"content":"${content}${LONG}"}]}`;
  const expected = keysOf(body("\ufffd\ufffd"));
  for (const halves of ["\\ud83d\\ud83d", "\\ude00\\ude00", "\\ude00\\ud83d", "\\ud83d\ufffd"]) {
    expect(keysOf(body(halves))).toEqual(expected);
  }
});

test("one prompt has the same keys by its system text wherever that stands in the body", () => {
  const body = { model: "m", messages: [{ role: "user", content: LONG }], system: LONG };
  const turned = { system: [{ type: "text", text: LONG }], messages: body.messages, model: "m" };
  const keys = keysOf(body, API.messages);
  expect(keysOf(turned, API.messages)).toEqual(keys);
  expect(keys).toHaveLength(5);
  const other = keysOf({ ...body, system: `${LONG}.` }, API.messages);
  expect(shared(keys, other)).toBe(2);
});

test("token ids are told apart from texts, and weigh four bytes each", () => {
  const ids = Array.from({ length: 200 }, (_, index) => index);
  const read = probe.read(JSON.stringify({ prompt: ids }), { api: API.completions });
  expect(read.promptBytes).toBe(832);
  expect(read.keys).toHaveLength(3);
  const texts = keysOf({ prompt: ids.map(String) }, API.completions);
  expect(shared(read.keys, texts)).toBe(0);
  expect(keysOf({ token_ids: ids }, API.vllmGenerate)).toEqual(read.keys);
  expect(keysOf({ input_ids: [ids] }, API.sglangGenerate)).toEqual(read.keys);
});
