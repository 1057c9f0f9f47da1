import { expect, it } from "vitest";
import { parseTokenFile, Tokens } from "../../../control-plane/http/tokens.ts";

it("a token file holds a token a line, and anything odd is refused without being shown", () => {
  expect(parseTokenFile("one\n\n  two\r\n", "t")).toEqual(["one", "two"]);
  expect(() => parseTokenFile(" \n", "t")).toThrow("t (--token-file): the file is empty");
  expect(() => parseTokenFile("a\n".repeat(17), "t")).toThrow("17 tokens; at most 16");
  for (const odd of ["one two", "ümlaut", "nul\0"]) {
    expect(() => parseTokenFile(`sound\n${odd}\n`, "t")).toThrow(/^t:2 \(--token-file\): a token/);
    expect(() => parseTokenFile(odd, "t")).not.toThrow(odd);
  }
});

it("every token of the last list is accepted by its place there, and no other", () => {
  const tokens = new Tokens();
  expect(tokens.placeOf("Bearer undefined")).toBe(0);
  tokens.replace(["old", "new"]);
  const shown = ["Bearer old", "Bearer new", "Bearer", "new", "Bearer old\nnew", "bearer old"];
  expect(shown.map((header) => tokens.placeOf(header))).toEqual([1, 2, 0, 0, 0, 0]);
  tokens.replace(["new"]);
  expect([tokens.placeOf("Bearer old"), tokens.placeOf("Bearer new")]).toEqual([0, 1]);
});
