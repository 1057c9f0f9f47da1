import fc from "fast-check";
import { expect, test } from "vitest";
import { API, PromptProbe, REASON, type WalkOptions } from "./prompt-probe.ts";
import type { Json, JsonObject } from "./reference-prompt.ts";
import { respell, sequence } from "./spelling.ts";

const probe = new PromptProbe();
const SCOPES = ["sampling_params", "extra_args", "vllm_xargs", "parameters", "stream_options"];

/** The body as the model server gets it. */
function blanked(body: string, options: WalkOptions = {}): string {
  const bytes = Buffer.from(body);
  const read = probe.read(bytes, options);
  expect(read.readable).toBe(true);
  for (const { start, end } of read.strips) bytes.fill(" ", start, end);
  return bytes.toString();
}

/** The same with one member more. */
function extended(body: string): string {
  const bytes = Buffer.from(blanked(body));
  const { bodyEnd, hasMembers } = probe.read(body);
  const member = `${hasMembers ? "," : ""}"kv_transfer_params":1`;
  return bytes.subarray(0, bodyEnd) + member + bytes.subarray(bodyEnd);
}

function isStripped(name: string): boolean {
  return ["kv_transfer_params", "ec_transfer_params"].includes(name) || /^bootstrap_/.test(name);
}

function stripped(object: JsonObject): JsonObject {
  const members = Object.entries(object).filter(([name]) => !isStripped(name));
  return Object.fromEntries(
    members.map(([name, value]) => [name, SCOPES.includes(name) ? strippedScope(value) : value]),
  );
}

function strippedScope(value: Json): Json {
  if (Array.isArray(value)) return value.map(strippedScope);
  return typeof value === "object" && value !== null ? stripped(value) : value;
}

const anyMember: fc.Arbitrary<[string, Json]> = fc.letrec<{ member: [string, Json] }>((tie) => ({
  member: fc.tuple(
    fc.constantFrom(
      "model",
      "x",
      "kv_transfer_params",
      "ec_transfer_params",
      "bootstrap_host",
      "bootstrap_",
      `bootstrap_${"x".repeat(99)}`,
      "bootstrap",
      ...SCOPES,
    ),
    fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<Json>(1, null, "a,}", [], {}, [{ bootstrap_room: 1 }]),
      fc.array(tie("member"), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
      fc.array(tie("member"), { maxLength: 3 }).map((members) => [{}, Object.fromEntries(members)]),
    ),
  ),
})).member;

const anyBody = fc.array(anyMember, { maxLength: 6 }).map((members) => Object.fromEntries(members));

test("what only the gateway may say is blanked, and the rest is the same JSON", () => {
  fc.assert(
    fc.property(anyBody, fc.nat(), fc.integer({ min: 1, max: 20 }), (body, seed, pieceBytes) => {
      const text = respell(body, sequence(seed));
      fc.pre(probe.read(text).reason !== REASON.strips);
      const rest = blanked(text);
      expect(Buffer.byteLength(rest)).toBe(Buffer.byteLength(text));
      expect(JSON.parse(rest)).toEqual(stripped(JSON.parse(text) as JsonObject));
      expect(blanked(text, { pieceBytes })).toBe(rest);
      expect(blanked(text, { api: API.none })).toBe(rest);
    }),
    { numRuns: 3000 },
  );
});

test("a member can be inserted before the body's last brace", () => {
  fc.assert(
    fc.property(anyBody, fc.nat(), (body, seed) => {
      const text = respell(body, sequence(seed));
      fc.pre(probe.read(text).reason !== REASON.strips);
      const rest = stripped(JSON.parse(text) as JsonObject);
      expect(JSON.parse(extended(text))).toEqual({ ...rest, kv_transfer_params: 1 });
    }),
  );
  for (const empty of ["{}", " { } ", '{"bootstrap_a":1}']) {
    expect(JSON.parse(extended(empty))).toEqual({ kv_transfer_params: 1 });
  }
});

test("every place of a stripped member among others leaves valid JSON", () => {
  const members = ['"a":1', '"bootstrap_a" : 2', '"kv_transfer_params":{"x":[1,2]}'];
  for (let number = 0; number < 3 ** 5; number++) {
    const chosen = Array.from({ length: 5 }, (_, at) => members[Math.floor(number / 3 ** at) % 3]);
    for (let count = 1; count <= 5; count++) {
      const text = `{ ${chosen.slice(0, count).join(" , ")} }`;
      const expected = chosen.slice(0, count).includes(members[0]) ? { a: 1 } : {};
      expect(JSON.parse(blanked(text))).toEqual(expected);
    }
  }
});

test("an escaped name is stripped too, and so is each that comes twice", () => {
  const body = String.raw`{"\u006bv_transfer_params":1,"a":2,"bootstr\u0061p_port":3,"kv_transfer_params":4}`;
  expect(JSON.parse(blanked(body))).toEqual({ a: 2 });
});

test("members of the same names elsewhere stay", () => {
  const body = { messages: [{ role: "user", content: "x", bootstrap_x: 1 }], bootstrap: 2 };
  expect(blanked(JSON.stringify(body))).toBe(JSON.stringify(body));
});

test("a body with more than sixteen of them is not readable, for a reason of its own", () => {
  const members = (count: number) =>
    Array.from({ length: count }, (_, index) => `"bootstrap_${index}":1`).join(",");
  expect(JSON.parse(blanked(`{${members(16)}}`))).toEqual({});
  expect(probe.read(`{${members(17)}}`)).toMatchObject({ readable: false, reason: REASON.strips });
});

test("what stands behind the walk's limit is stripped as well", () => {
  const body = `{"messages":"${"x".repeat(500)}","kv_transfer_params":1}`;
  const strips = [{ start: body.indexOf(",", 500), end: body.length - 1 }];
  expect(probe.read(body, { walkBytesMax: 100 }).strips).toEqual(strips);
});
