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

it.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
  "a key that every object has, such as %s, is as unknown as any other",
  (key) => {
    expect(refusal(`${key}: { a: 1 }`)).toContain(`unknown key "${key}"`);
  },
);

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
  for (const models of ["qwen", "[a]"]) {
    expect(refusal(`models: ${models}`)).toContain("must be a mapping of models to pools");
  }
  for (const [models, value] of [
    ["{ b: c, a: 1 }", "1"],
    ["{ a: b c }", '"b c"'],
  ]) {
    expect(refusal(`models: ${models}`)).toContain(
      `models.a is ${value}: must be the name of a pool`,
    );
  }
});

it("of objectives the one is refused whose priority is no int32", () => {
  const lowest = "objectives: { a: -2147483648, b: 2147483647 }";
  expect(parseSettings(lowest, "").objectives).toEqual({ a: -(2 ** 31), b: 2 ** 31 - 1 });
  for (const wrong of ["2147483648", "-2147483649", "-1.5", "high"]) {
    expect(refusal(`objectives: { a: 1, batch: ${wrong} }`)).toMatch(
      /^settings.yaml:1:\d+: objectives.batch is .*: must be a whole number from -2147483648 to/,
    );
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
