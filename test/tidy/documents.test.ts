import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const FILES = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).split("\n");
const DOCUMENTS = FILES.filter((path) => path.endsWith(".md") && !path.startsWith("bench/results"));
const FOLDERS = /^(protocol|filter|control-plane|simulator|start|envoy|test|bench|deploy)\//;

/** Paths that a document links to or names in backticks as a file or folder of the project. */
function pathsIn(document: string): string[] {
  const text = readFileSync(join(ROOT, document), "utf8");
  const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) =>
    join(dirname(document), path ?? ""),
  );
  const named = [...text.matchAll(/`([^`\s]+)`/g)]
    .map(([, path]) => path ?? "")
    .filter((path) => FOLDERS.test(path));
  return [...links, ...named];
}

describe("documents", () => {
  test.each(DOCUMENTS)("every path that %s names exists", (document) => {
    const missing = pathsIn(document).filter((path) => !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });

  test("ARCHITECTURE.md stays within 300 lines", () => {
    const lines = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8").split("\n");
    expect(lines.length).toBeLessThanOrEqual(300);
  });
});

describe("source files", () => {
  const sources = FILES.filter((path) => path.endsWith(".ts") && existsSync(join(ROOT, path)));

  test("name no registry, no leftover and no other folder beside the project", () => {
    const words = ["TO" + "DO", "FIX" + "ME", "../" + "shared", "registry." + "npmjs"];
    const found = sources.filter((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      return words.some((word) => text.includes(word));
    });
    expect(found).toEqual([]);
  });
});
