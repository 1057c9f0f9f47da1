import { expect, test } from "vitest";
import { crossed, streamOf } from "../../bench/speed/plan.ts";
import { speedChart, speedText } from "../../bench/speed/report.ts";
import { measureSpeed } from "../../bench/speed.ts";

const PLAN = {
  ...{ rounds: 1, warmSeconds: 0.1, seconds: 0.3, quietSeconds: 0 },
  groups: [
    {
      setting: { endpoints: 4, indexKeys: 1_000 },
      cells: [...crossed([1024], [2], ["unique"]), streamOf(5)],
    },
  ],
};

test("a small run compares both attachments, and a filter that does nothing, with none", async () => {
  const report = await measureSpeed(PLAN, undefined, () => {});
  const measured = report.differences.map(({ target, chunks }) => `${target} ${chunks}`);
  expect(measured).toEqual(["noop 0", "pause 0", "buffer 0", "noop 5", "pause 5", "buffer 5"]);
  for (const { measured, chunks } of report.samples) {
    expect(measured.failures).toBe(0);
    expect(measured.requests).toBeGreaterThan(0);
    expect(measured.p90Ms).toBeGreaterThanOrEqual(measured.p50Ms);
    expect(measured.p99Ms).toBeGreaterThanOrEqual(measured.p90Ms);
    expect(measured.chunks > 0).toBe(chunks > 0);
  }
  for (const difference of report.differences) {
    expect(difference.with.requestsPerSecond).toBeGreaterThan(0);
    expect(difference.addedP50Ms.median).toBeCloseTo(
      difference.with.p50Ms - difference.without.p50Ms,
    );
  }
  for (const { keys } of report.indexes) expect(Math.min(...keys)).toBeGreaterThan(500);
  // Each worker has a machine, and the main thread two.
  for (const { target, machineBytes } of report.memories) {
    expect(machineBytes).toHaveLength(target === "plain" ? 0 : 4);
  }
  const text = speedText(report);
  expect(text).toMatch(/\| 2 \| 1 KB \| pause/);
  expect(text).toMatch(/ext_proc\) is left out/);
  expect(text).toMatch(/not measured/);
  expect(speedChart(report)).toMatch(/^<svg[\s\S]*<\/svg>$/);
});
