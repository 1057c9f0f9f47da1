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
