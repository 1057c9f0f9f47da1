import fc from "fast-check";
import { expect, test } from "vitest";
import { linesOf, metricFamilies } from "../../../control-plane/engines/metric-families.ts";

function samples(page: string, name = "a:b") {
  return metricFamilies(page, linesOf([name, "c:d"])).get(name);
}

test.each<[string, string, { labels: Record<string, string>; value: number }[] | undefined]>([
  ["a bare value", "a:b 1", [{ labels: {}, value: 1 }]],
  ["a timestamp after the value", "a:b 1.5e3 1395066363000\n", [{ labels: {}, value: 1500 }]],
  ["labels", 'a:b{x="1",y="2"} 3', [{ labels: { x: "1", y: "2" }, value: 3 }]],
  ["a trailing comma and spaces", 'a:b{ x = "1" , } 3', [{ labels: { x: "1" }, value: 3 }]],
  ["empty braces", "a:b{} 3", [{ labels: {}, value: 3 }]],
  ["signs inside a label", 'a:b{x="},{=",y=" "} 3', [{ labels: { x: "},{=", y: " " }, value: 3 }]],
  ["escapes", String.raw`a:b{x="q\"\\n\n"} 3`, [{ labels: { x: 'q"\\n\n' }, value: 3 }]],
  ["infinity", "a:b -Inf", [{ labels: {}, value: -Infinity }]],
  ["tabs and carriage returns", "a:b\t4\r\n", [{ labels: {}, value: 4 }]],
  [
    "several series",
    'a:b{x="1"} 1\na:b{x="2"} 2',
    [
      { labels: { x: "1" }, value: 1 },
      { labels: { x: "2" }, value: 2 },
    ],
  ],
  ["a longer name", "a:b_total 1", undefined],
  ["a name inside another", "xa:b 1", undefined],
  ["comments", "# HELP a:b 1\n# TYPE a:b gauge", undefined],
  ["a name behind what only JavaScript takes for a line's end", "x \u2028a:b 1", undefined],
  ["no value", "a:b \na:b{} ", undefined],
  ["a value that is no number", "a:b one", undefined],
  ["open braces", 'a:b{x="1" 3\na:b{x="1 3', undefined],
  ["a label without quotes", "a:b{x=1} 3", undefined],
])("a line with %s", (_, page, expected) => {
  expect(samples(page)).toEqual(expected);
});

test("a malformed line does not hide the good ones", () => {
  expect(samples("a:b{x 1\na:b 2\n")).toEqual([{ labels: {}, value: 2 }]);
});

/** Without minus zero, which no page can say. */
const numbers = fc.double({ noNaN: true }).map((value) => value + 0);

test("labels survive whatever they hold", () => {
  const escaped = (text: string) =>
    text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), numbers, (text, value) => {
      const page = `a:b{x="${escaped(text)}"} ${value === Infinity ? "+Inf" : value}\n`;
      expect(samples(page.replace("-Infinity", "-Inf"))).toEqual([{ labels: { x: text }, value }]);
    }),
  );
});

test("arbitrary pages are read without an error", () => {
  const sign = fc.constantFrom(...'a:b{}=",\\ \n\t1.eN+#', "a:b{", 'x="', "a:b ");
  const page = fc.array(sign, { maxLength: 80 }).map((signs) => signs.join(""));
  fc.assert(
    fc.property(page, (text) => {
      for (const { value } of samples(text) ?? []) expect(typeof value).toBe("number");
    }),
    { numRuns: 1000 },
  );
});
