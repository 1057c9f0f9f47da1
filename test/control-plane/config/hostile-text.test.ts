// Whatever stands in a file, it is read or refused with an error of ours.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseConfiguration } from "../../../control-plane/config/configuration.ts";
import { parsePoolFile } from "../../../control-plane/discovery/file.ts";
import { HintwayError } from "../../../control-plane/errors.ts";

const READERS = [
  parseConfiguration,
  (text: string, source: string) => parsePoolFile(text, source, "pool"),
];

function readsOrRefuses(text: string): void {
  for (const read of READERS) {
    try {
      read(text, "f");
    } catch (error) {
      if (!(error instanceof HintwayError)) throw error;
    }
  }
}

const HEAD = { apiVersion: "llm-d.ai/v1alpha1", kind: "EndpointPickerConfig" };

test("arbitrary text never crashes the readers", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), readsOrRefuses), { numRuns: 300 });
});

test("text made of YAML's own signs never crashes the readers", () => {
  const sign = fc.constantFrom(..."-:?[]{},#&*!|>'\"%@` \n\tab0~.<", "plugins", "endpoints", "<<");
  const text = fc.array(sign, { maxLength: 60 }).map((signs) => signs.join(""));
  fc.assert(fc.property(text, readsOrRefuses), { numRuns: 1000 });
});

test("arbitrary data under known keys never crashes the readers", () => {
  const types = ["queue-scorer", "session-affinity-scorer", "label-selector-filter", "by-label"];
  const plugin = fc.record(
    { type: fc.constantFrom(...types), name: fc.string(), parameters: fc.object() },
    { requiredKeys: ["type"] },
  );
  const body = fc.record(
    {
      plugins: fc.oneof(fc.array(plugin), fc.anything()),
      schedulingProfiles: fc.anything(),
      dataLayer: fc.object(),
      featureGates: fc.array(fc.string()),
      endpoints: fc.array(fc.object()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(body, (given) => readsOrRefuses(JSON.stringify({ ...HEAD, ...given }))),
    { numRuns: 150 },
  );
});

test.each([
  ["an avalanche of brackets", "[".repeat(50_000)],
  ["an avalanche of keys", Array.from({ length: 30_000 }, (_, n) => `k${n}: 1`).join("\n")],
  ["an avalanche of errors", '"'.repeat(100_000)],
  ["deep nesting that closes", "[".repeat(20_000) + "]".repeat(20_000)],
  ["deep block nesting", Array.from({ length: 900 }, (_, n) => `${" ".repeat(n)}a:`).join("\n")],
  ["text over the limit", "#".repeat(1024 * 1024 + 1)],
  [
    "aliases of aliases",
    Array.from({ length: 40 }, (_, n) => `a${n}: &a${n} [*a${n - 1}, *a${n - 1}, *a${n - 1}]`)
      .join("\n")
      .replaceAll("*a-1", "x"),
  ],
  ["a mapping that holds itself", "a: &a [*a]"],
  ["a key that is a mapping", "{? {a: b} : c}"],
  ["a prototype", "__proto__: {plugins: []}\nconstructor: 1"],
  ["two documents", "a: 1\n---\nb: 2"],
  ["a tag", "!!js/function 'x'"],
])("%s is refused", (_, text) => {
  expect(() => parseConfiguration(text, "f")).toThrow(HintwayError);
  expect(() => parsePoolFile(text, "f", "pool")).toThrow(HintwayError);
});
