import { expect, test } from "vitest";
import { speedChart, speedText } from "../../bench/speed/report.ts";
import { measureSpeed } from "../../bench/speed.ts";

const PLAN = {
  rounds: 1,
  bodyBytes: [1024],
  connections: [2],
  prompts: ["unique" as const],
  chunks: 5,
  warmSeconds: 0.1,
  seconds: 0.3,
  quietSeconds: 0,
};

test("a small run compares both attachments with the same Envoy without the filter", async () => {
  const report = await measureSpeed(PLAN, () => {});
  const measured = report.differences.map(({ target, chunks }) => `${target} ${chunks}`);
  expect(measured).toEqual(["pause 0", "buffer 0", "pause 5", "buffer 5"]);
  for (const { measured } of report.samples) {
    expect(measured.failures).toBe(0);
    expect(measured.requests).toBeGreaterThan(0);
    expect(measured.p99Ms).toBeGreaterThanOrEqual(measured.p50Ms);
  }
  for (const difference of report.differences) {
    expect(difference.with.requestsPerSecond).toBeGreaterThan(0);
    expect(difference.addedP50Ms.median).toBeCloseTo(
      difference.with.p50Ms - difference.without.p50Ms,
    );
  }
  for (const { measured, chunks } of report.samples) expect(measured.chunks > 0).toBe(chunks > 0);
  const text = speedText(report);
  expect(text).toMatch(/\| 2 \| 1 KB \| pause/);
  expect(text).toMatch(/not measured/);
  expect(speedChart(report)).toMatch(/^<svg[\s\S]*<rect[\s\S]*<\/svg>$/);
});
