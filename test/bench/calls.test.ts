import { expect, test } from "vitest";
import { NOOP, PLAIN, SHIPPED, UNREAD } from "../../bench/calls/gateways.ts";
import { callsText } from "../../bench/calls/report.ts";
import { HELD_AND_NAMED, MESSAGE, VARIANTS } from "../../bench/calls/variants.ts";
import { measureCalls } from "../../bench/calls.ts";

const TIME = "the time";
const PACE = { rounds: 1, warmSeconds: 0.1, seconds: 0.2 };

test("a small run says of each call what it costs and how often a request makes it", async () => {
  const names = [TIME, MESSAGE, HELD_AND_NAMED];
  const variants = VARIANTS.filter(({ name }) => names.includes(name));
  const report = await measureCalls(variants, PACE, () => {});
  const [small] = report.smallRounds;
  expect(new Set(small?.keys())).toEqual(new Set([PLAIN, NOOP, SHIPPED, UNREAD, ...names]));
  for (const rounds of [report.smallRounds, report.silentRounds, report.toldRounds]) {
    for (const [name, { perSecond }] of rounds[0] ?? []) {
      expect(perSecond, name).toBeGreaterThan(1);
    }
  }
  const text = callsText(report);
  expect(text).toMatch(/\| the time \| .* \| 3\.00 \|/);
  expect(text).toContain("| budget | ≤ 30 | ≤ 55 |");
}, 240_000);
