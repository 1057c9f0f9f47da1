import fc from "fast-check";
import { API } from "./prompt-probe.ts";
import type { Json, JsonObject } from "./reference-prompt.ts";

/** Texts of every kind: empty, of the length of stripes and blocks, with escapes, any script. */
const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom("a", "\n", '"', "\\", "/", "é", "😀", "\u0000"),
    maxLength: 99,
  }),
  fc
    .tuple(fc.string({ minLength: 1, maxLength: 7 }), fc.integer({ min: 1, max: 1500 }))
    .map(([unit, length]) => unit.repeat(length).slice(0, length)),
  fc.constantFrom(0, 1, 63, 64, 65, 255, 256, 257, 1024).map((length) => "x".repeat(length)),
);

const anyName = fc.oneof(
  fc.constantFrom("type", "text", "content", "role", "cache_control", "id", "url", "input"),
  fc.string({ maxLength: 80 }),
);

const anyNumber = fc.oneof(
  fc.nat(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const anyJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    anyNumber,
    anyText,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(anyName, tie("value"), { maxKeys: 12 }),
  ),
})).value;

const anyToolName = fc.constantFrom(
  "tools",
  "documents",
  "reasoning_effort",
  "chat_template_kwargs",
);

const anyPart: fc.Arbitrary<Json> = fc.oneof(
  anyText.map((text) => ({ type: "text", text })),
  anyText.map((text) => ({ text, type: "input_text", cache_control: { type: "ephemeral" } })),
  anyText.map((url) => ({ type: "image_url", image_url: { url } })),
  anyText.map((data) => ({ type: "image", source: { type: "base64", data } })),
  fc.record({ type: fc.constant("tool_result"), tool_use_id: anyText, content: anyJson }),
  fc.record({ type: fc.constant("text"), text: anyText, annotations: anyJson }),
  anyJson,
);

const anyContent: fc.Arbitrary<Json> = fc.oneof(
  anyText,
  fc.array(anyPart, { maxLength: 4 }),
  anyJson,
);

const anyMessage: fc.Arbitrary<Json> = fc.oneof(
  fc.record({ role: fc.constantFrom("system", "user", "assistant", "tool"), content: anyContent }),
  fc.record(
    { role: fc.constant("assistant"), content: anyContent, tool_calls: anyJson, name: anyText },
    { requiredKeys: ["role"] },
  ),
  fc.record({ type: fc.constantFrom("message", "function_call_output"), output: anyJson }),
  anyJson,
);

const anyMessages: fc.Arbitrary<Json> = fc.oneof(
  { weight: 8, arbitrary: fc.array(anyMessage, { maxLength: 6 }) },
  fc.array(fc.nat({ max: 0xffffffff }), { maxLength: 400 }),
  fc.array(fc.array(fc.nat({ max: 200_000 }), { maxLength: 80 }), { maxLength: 4 }),
  fc.array(anyText, { maxLength: 5 }),
  anyText,
  anyJson,
);

const MESSAGES_NAMES: Record<number, string[]> = {
  [API.chat]: ["messages"],
  [API.completions]: ["prompt"],
  [API.responses]: ["input"],
  [API.messages]: ["messages"],
  [API.embeddings]: ["input", "messages"],
  [API.vllmGenerate]: ["token_ids"],
  [API.sglangGenerate]: ["text", "input_ids"],
};

/** Numbers in these places are token ids, which are never negative nor fractions. */
function wholeNumbers(value: Json): Json {
  if (typeof value === "number") return Math.abs(Math.trunc(value)) % 2 ** 32;
  if (Array.isArray(value)) return value.map(wholeNumbers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, wholeNumbers(v)]));
}

/** A request body of one of the APIs, with its number. */
export const anyBody: fc.Arbitrary<{ api: number; body: JsonObject }> = fc
  .constantFrom(...Object.values(API).filter((api) => api !== API.none))
  .chain((api) =>
    fc
      .record({
        settings: fc.record(
          { model: anyText, cache_salt: anyText, stream: fc.boolean(), temperature: anyNumber },
          { requiredKeys: [] },
        ),
        tools: fc.dictionary(anyToolName, anyJson, { maxKeys: 2 }),
        media: fc.dictionary(fc.constantFrom("image_data", "suffix", "features"), anyJson, {
          maxKeys: 1,
        }),
        system: fc.dictionary(fc.constantFrom("system", "instructions"), anyContent, {
          maxKeys: 1,
        }),
        name: fc.constantFrom(...(MESSAGES_NAMES[api] ?? [])),
        messages: anyMessages,
      })
      .map(({ settings, tools, media, system, name, messages }) => ({
        api,
        body: {
          ...settings,
          ...tools,
          ...media,
          ...(wholeNumbers(system) as JsonObject),
          [name]: wholeNumbers(messages),
        },
      })),
  );
