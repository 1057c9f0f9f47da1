import { expect, it } from "vitest";
import { measureDisaggregation } from "../../bench/disaggregation/measure.ts";
import { disaggregationText } from "../../bench/disaggregation.ts";
import { describeMachine } from "../../bench/measure/machine.ts";

it("two legs through the gateway are measured against a client's own, beside the budget", async () => {
  const instant = { prefillMs: 0, decodeMs: 0, requests: 40 };
  const takingTime = { prefillMs: 20, decodeMs: 5, requests: 40 };
  const paces = [instant, takingTime];
  const plan = { rounds: 1, paces, connections: [2], bodyBytes: [2048] };
  const cells = await measureDisaggregation(plan);
  const one = { connections: 2, bodyBytes: 2048 };
  const flows = ["serial", "joined"].flatMap((flow) => paces.map((pace) => ({ flow, pace })));
  expect(cells).toMatchObject(flows.map((setting) => ({ ...setting, ...one })));
  // Both servers' times, one after the other; timers may be early by one.
  for (const { direct, gateway } of cells.filter(({ pace }) => pace === takingTime)) {
    expect(direct.p50Ms).toBeGreaterThan(23);
    expect(gateway.p50Ms).toBeGreaterThan(23);
  }
  for (const { direct, behindEnvoy, gateway } of cells) {
    expect(direct.p50Ms).toBeGreaterThan(0);
    expect(behindEnvoy.p99Ms).toBeGreaterThanOrEqual(behindEnvoy.p50Ms);
    expect(gateway.p99Ms).toBeGreaterThanOrEqual(gateway.p50Ms);
  }
  const short = { p50Ms: 1, p99Ms: 2 };
  const made = [1.1, 1.3].map((p50Ms) => ({
    ...cells[0]!,
    direct: short,
    behindEnvoy: { ...short, p50Ms: 1.05 },
    gateway: { ...short, p50Ms },
  }));
  const text = disaggregationText({ machine: describeMachine(), plan, cells: made });
  expect(text).toContain("prefill answers after 20 ms, decode after 5 ms");
  expect(text).toMatch(/\| \+0.050 \| \+0.050 \| \+0.100 \| ≤ 0.2 \| met \|/);
  expect(text).toMatch(/\| \+0.300 \| ≤ 0.2 \| \*\*missed\*\* \|/);
});
