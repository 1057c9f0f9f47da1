import { expect, it } from "vitest";
import { parseSettings } from "../../../control-plane/config/settings-document.ts";

const refusal = (text: string): string => {
  try {
    parseSettings(text, "settings.yaml");
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`not refused: ${text}`);
};

it("settings are given by name, and those left out are not told", () => {
  expect(parseSettings("staleMs: 5000\nexplain: true\n", "")).toEqual({
    staleMs: 5000,
    explain: true,
  });
  expect(parseSettings("# nothing\n", "")).toEqual({});
});

it("an unknown key is refused with its place and the known ones", () => {
  expect(refusal("\nstaleMS: 5000")).toMatch(/^settings.yaml:2:1: unknown key "staleMS".*staleMs/);
});

it("a value out of range, of another type or not a multiple is refused with what is expected", () => {
  expect(refusal("staleMs: 99")).toBe(
    "settings.yaml:1:1: staleMs is 99: must be a whole number from 100 to 3600000.",
  );
  expect(refusal('staleMs: "5000"')).toContain('staleMs is "5000": must be a whole number');
  expect(refusal("blockBytes: 1000")).toContain("a multiple of 64");
  expect(refusal("explain: 1")).toContain("explain is 1: must be true or false");
  expect(refusal("explain:")).toContain("must be true or false");
});

it("what is no mapping is refused", () => {
  for (const text of ["- 1", "text", "a: [", "a: 1\na: 2"]) {
    expect(refusal(text)).toContain("settings.yaml");
  }
});

it("models are given the pool that serves them", () => {
  expect(parseSettings("models: { a/b: team/qwen }", "")).toEqual({
    models: { "a/b": "team/qwen" },
  });
  for (const models of ["qwen", "[a]", "{ a: 1 }", "{ a: b c }"]) {
    expect(refusal(`models: ${models}`)).toContain("must be a mapping of models to pools");
  }
});

it("the mode is one of three", () => {
  for (const mode of ["active", "shadow", "off"]) {
    expect(parseSettings(`mode: ${mode}\naccessLog: true`, "")).toEqual({ mode, accessLog: true });
  }
  // YAML 1.2 has no "off" that is false.
  expect(refusal("mode: false")).toBe(
    "settings.yaml:1:1: mode is false: must be one of active, shadow, off.",
  );
});
