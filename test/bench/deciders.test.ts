import { expect, test } from "vitest";
import { decidersText } from "../../bench/deciders/report.ts";
import { WAYS } from "../../bench/deciders/ways.ts";
import { reportDeciders } from "../../bench/deciders.ts";

test("deciders that always and never prefill elsewhere do so in a small replay", async () => {
  const workload = { trace: "toolagent-like", limit: 10, rate: 4, speed: 40 };
  const ways = WAYS.filter(({ name }) => name === "always" || name === "never");
  const report = await reportDeciders({ workloads: [workload], ways, say() {} });
  expect(report.cells.map(({ way, prefilledShare }) => [way, prefilledShare])).toEqual([
    ["always", 1],
    ["never", 0],
  ]);
  for (const { played } of report.cells) expect(played).toMatchObject({ requests: 9, failures: 0 });
  expect(decidersText(report)).toMatch(/\| always \| 100 % \|.*\n\| never \| 0 % \|/);
}, 240_000);
