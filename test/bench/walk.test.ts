import { expect, test } from "vitest";
import { measureWalk, walkText } from "../../bench/walk.ts";

test("a small run measures the walk alone, whole requests and their host calls", async () => {
  const report = await measureWalk({ rounds: 1, roundMs: 5, endpoints: [4], requests: 20 });
  expect(report.throughput).toHaveLength(4);
  for (const row of report.throughput) expect(row.walkGbPerSecond).toBeGreaterThan(0);
  expect(report.requests.map(({ bodyBytes, prompts }) => `${bodyBytes} ${prompts}`)).toEqual([
    "1024 unique",
    "1024 repeated",
    "102400 unique",
    "102400 repeated",
  ]);
  const bodyReads = report.hostCalls.find(
    ({ callback, call }) =>
      callback === "proxy_on_request_body" && call === "proxy_get_buffer_bytes",
  );
  // Each byte is copied once, in slices of 64 KB.
  expect(bodyReads?.count).toBe(2);
  expect(bodyReads?.copiedBytes).toBeGreaterThan(102_400);
  expect(bodyReads?.copiedBytes).toBeLessThan(103_000);
  expect(walkText(report)).toMatch(/plain ASCII, 100 KB \| [\d,]+ \| [\d.]+ GB\/s/);
});
