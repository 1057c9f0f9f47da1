import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { qualityText } from "../../bench/quality/report.ts";
import { suiteNamed } from "../../bench/quality/suites.ts";
import { reportQuality } from "../../bench/quality.ts";
import { projectPath } from "../../start/project.ts";

describe("the routing simulator", () => {
  test("keeps its own promises", () => {
    const words = ["-m", "unittest", "-q", "tests.test_routesim", "tests.test_hardsim"];
    execFileSync("python3", words, { cwd: projectPath("bench", "quality"), stdio: "pipe" });
  }, 240_000);
});

test("a small run compares the shipped filter's picks with the reference's", async () => {
  const main = suiteNamed("main");
  const cells = main.cells.filter(({ label }) => label === "claude-code moderate");
  const policies = ["hintway", "gie-default", "random"];
  const report = await reportQuality({
    ...{ suites: [{ ...main, cells, policies }], seeds: 1, jobs: 2, kept: null },
    extra: ["--limit", "160", "--n", "4"],
    say() {},
  });
  const of = (policy: string) => report.results.find((one) => one.policy === policy)!.figures;
  expect(of("hintway").hit).toBeGreaterThan(of("random").hit);
  expect(of("hintway").ttft_mean).toBeLessThan(of("random").ttft_mean);
  expect(qualityText(report)).toMatch(/\| hintway \| \d/);
}, 240_000);
