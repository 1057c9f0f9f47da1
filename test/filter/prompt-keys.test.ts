import fc from "fast-check";
import { expect, test } from "vitest";
import { anyBody } from "./arbitrary-body.ts";
import { PromptProbe } from "./prompt-probe.ts";
import { type JsonObject, referencePrompt } from "./reference-prompt.ts";
import { respell, sequence } from "./spelling.ts";

const probe = new PromptProbe();
const anyBlock = fc.constantFrom(256, 320, 1024);

test("keys and what they cover are those of the reference, however a body is spelled", () => {
  fc.assert(
    fc.property(anyBody, anyBlock, fc.nat(), ({ api, body }, blockBytes, seed) => {
      const text = respell(body, sequence(seed));
      const { keys, coveredBytes, promptBytes, readable } = probe.read(text, { api, blockBytes });
      // Not the parsed text: V8 reads a name of one escaped character as a backslash at times.
      const reference = referencePrompt(body as JsonObject, api, blockBytes);
      expect({ keys, coveredBytes, promptBytes, readable }).toEqual({
        ...reference,
        readable: true,
      });
    }),
    { numRuns: 1500 },
  );
});

test("a body cut into pieces of any size is read as the whole", () => {
  fc.assert(
    fc.property(anyBody, fc.nat(), fc.integer({ min: 1, max: 90 }), ({ api, body }, seed, size) => {
      const text = respell(body, sequence(seed));
      const whole = probe.read(text, { api });
      for (const pieceBytes of [1, size]) {
        expect(probe.read(text, { api, pieceBytes })).toEqual(whole);
      }
    }),
    { numRuns: 300 },
  );
});

/** Long runs, with what ends one anywhere: quotes, escapes, and the character beside each that does not. */
const anyLongText = fc
  .array(
    fc.oneof(
      { weight: 2, arbitrary: fc.nat({ max: 700 }).map((length) => "x".repeat(length)) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('"', "\\", "\n", "\u001f", " ", "!", "#", "[", "]", "é"),
      },
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

test("a long text has the reference's keys, whatever stands in it and wherever it is cut", () => {
  const anyTexts = fc.array(anyLongText, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(anyTexts, anyBlock, fc.integer({ min: 1, max: 900 }), (texts, blockBytes, size) => {
      const body = { messages: texts.map((content) => ({ role: "user", content })) };
      const text = JSON.stringify(body);
      const { keys, coveredBytes, promptBytes } = referencePrompt(body, 1, blockBytes);
      for (const pieceBytes of [text.length, size]) {
        const read = probe.read(text, { api: 1, blockBytes, pieceBytes });
        expect(read).toMatchObject({ keys, coveredBytes, promptBytes, readable: true });
      }
    }),
    { numRuns: 300 },
  );
});

test.each(Array.from({ length: 0x20 }, (_, code) => code))(
  "control character %i in a long text is refused",
  (code) => {
    const run = "x".repeat(1_000);
    for (const at of [300, 333, 999]) {
      const text = run.slice(0, at) + String.fromCharCode(code) + run.slice(at);
      expect(probe.read(`{"prompt":"${text}"}`, { api: 2 }).readable).toBe(false);
    }
  },
);
