import { expect, test } from "vitest";
import { reportSharing, sharingText } from "../../bench/sharing.ts";

test("a small run sees picks and metrics arrive in other workers and gateways", async () => {
  const report = await reportSharing({ picks: 2, changes: 1, deaths: 0 }, () => {});
  const { workersMs, gatewaysMs, hintsMs } = report.sharing;
  for (const times of [workersMs, gatewaysMs, hintsMs]) {
    for (const timeMs of times) expect(timeMs).toBeGreaterThan(0);
  }
  expect([workersMs.length, gatewaysMs.length, hintsMs.length]).toEqual([2, 2, 1]);
  expect(sharingText(report)).toMatch(/a pick is known to another gateway \| 2 \| 0 \|/);
});
