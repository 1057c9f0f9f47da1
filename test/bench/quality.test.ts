import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ablationText } from "../../bench/quality/ablation.ts";
import { meanOfAll, shareLost } from "../../bench/quality/hard-report.ts";
import { qualityText } from "../../bench/quality/report.ts";
import { robustnessText } from "../../bench/quality/robustness.ts";
import type { Figures, Result } from "../../bench/quality/runs.ts";
import { type Cell, suiteNamed } from "../../bench/quality/suites.ts";
import { reportQuality } from "../../bench/quality.ts";
import { projectPath } from "../../start/project.ts";
import { temporaryFolder } from "../support/components.ts";

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

test("without its own requests in flight, the shipped filter's picks are worse", async () => {
  const main = suiteNamed("main");
  const [whole] = main.cells.filter(({ label }) => label === "azure-code high");
  const less = { ...whole!, label: "less", own: "--without in-flight,slowness" };
  const report = await reportQuality({
    ...{ suites: [{ ...main, cells: [whole!, less], policies: ["hintway"] }] },
    ...{ seeds: 1, jobs: 2, kept: null, extra: ["--limit", "400"] },
    say() {},
  });
  const of = (label: string) => report.results.find(({ cell }) => cell.label === label)!.figures;
  expect(of("less").ttft_mean).toBeGreaterThan(1.5 * of("azure-code high").ttft_mean);
}, 240_000);

test("an idea's worth is the time without it over the time with it", () => {
  const results = resultsOf("ablation", ({ own = "" }) => (own.includes("beta=0") ? 3 : 1.5));
  const rows = ablationText(results).join("\n").split("\n");
  expect(rows.find((row) => row.includes("(β)"))).toMatch(/\| 2\.00 \| 2\.00 \| 2\.00 \|/);
  expect(rows.find((row) => row.includes("ties are drawn"))).toMatch(/\| 1\.00 \| 1\.00 \|/);
});

test("a condition stands beside the undisturbed workload and the reference under the same", () => {
  const results = resultsOf("robustness", ({ args }, policy) => {
    const isLate = args.includes("--no-first-token");
    return policy === "hintway" ? (isLate ? 2 : 1) : 4;
  });
  const rows = robustnessText(results).join("\n").split("\n");
  const row = rows.find((one) => one.startsWith("| answers not streamed "));
  expect(row).toContain("| 2.00 | 2.00 | 2.00 | 0.500 |");
});

test("a request that was never answered counts as the slowest hundredth", () => {
  const answered = { requests: 30, rejected: 0, ttft_mean: 1, ttft_p99: 9 } as Figures;
  const losing = { ...answered, rejected: 10 };
  expect([shareLost(answered), shareLost(losing)]).toEqual([0, 0.25]);
  expect([meanOfAll(answered), meanOfAll(losing)]).toEqual([1, 3]);
});

test("a report of kept runs says when each was measured, and not that it was now", async () => {
  const kept = join(temporaryFolder(), "kept.jsonl");
  const main = suiteNamed("main");
  const cells = main.cells.filter(({ label }) => label === "claude-code moderate");
  const plan = {
    ...{ suites: [{ ...main, cells, policies: ["random"] }], seeds: 1, jobs: 1, kept },
    ...{ extra: ["--limit", "40"], say() {} },
  };
  await reportQuality(plan);
  const line = JSON.parse(readFileSync(kept, "utf8"));
  expect(line.measured.commit).not.toBe(EARLIER.commit);
  writeFileSync(kept, `${JSON.stringify({ ...line, measured: EARLIER })}\n`);
  const report = await reportQuality({ ...plan, onlyKept: true });
  expect(report.results).toMatchObject([{ figures: line.figures, measured: EARLIER }]);
  expect(qualityText(report)).toContain(
    "Measured 2026-01-31 12:00 UTC at commit abcdef0 on 8 × Old.",
  );
}, 120_000);

const EARLIER = { at: "2026-01-31 12:00", commit: "abcdef0", processors: "8 × Old" };

function resultsOf(suite: string, seconds: (cell: Cell, policy: string) => number): Result[] {
  const { cells, policies } = suiteNamed(suite);
  return policies.flatMap((policy) =>
    cells.map((cell) => {
      const time = seconds(cell, policy);
      const figures = { ttft_mean: time, ttft_p90: time, e2e_mean: time } as Figures;
      return { suite, cell, policy, seed: 1, figures, measured: EARLIER };
    }),
  );
}
