import { expect, test } from "vitest";
import { TARGETS } from "../../bench/replay/gateways.ts";
import { replayText } from "../../bench/replay/report.ts";
import { reportReplay } from "../../bench/replay.ts";

test("a small replay through real gateways answers every request and finds prompts cached", async () => {
  const workload = { trace: "claude-code", limit: 12, rate: 20, pauses: 1_000, speed: 40 };
  const targets = TARGETS.filter(({ name }) => name === "default");
  const report = await reportReplay({ workloads: [workload], targets, say() {} });
  const [way] = report.ways;
  expect(way?.played).toMatchObject({ requests: 10, failures: 0 });
  expect(way?.played.hit).toBeGreaterThan(0);
  expect(way?.foretold.firstMean).toBeGreaterThan(0);
  expect(replayText(report)).toContain("| claude-code | default | default | yes |");
}, 240_000);
