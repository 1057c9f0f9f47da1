import { expect, test } from "vitest";
import { measureMemory, memoryText } from "../../bench/memory.ts";

test("a small run sees the filter's memory stay as it is once its index is full", async () => {
  const plan = { emulated: { requests: 4_000, keys: 4_000 }, runningRequests: 500 };
  const report = await measureMemory(plan, () => {});
  const bytes = report.emulated.map((at) => at.bytes);
  expect(report.emulated.at(-1)?.keys).toBeGreaterThan(2_000);
  expect(new Set(bytes.slice(2)).size).toBe(1);
  expect(report.running.at(-1)?.requests).toBeGreaterThanOrEqual(500);
  expect(report.running.at(-1)?.machineBytes).toHaveLength(4);
  expect(memoryText(report)).toMatch(/4,000 keys: ≤ 64.0 MiB/);
});
