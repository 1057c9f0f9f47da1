import { expect, it } from "vitest";
import { measureIdle } from "../../bench/idle/measure.ts";
import { idleText } from "../../bench/idle.ts";
import { describeMachine } from "../../bench/measure/machine.ts";

it("what an idle control plane uses is measured, and shown beside its budget", async () => {
  const plan = { endpoints: 3, warmSeconds: 1, seconds: 1 };
  const measured = await measureIdle(plan);
  const callers = measured.uses.map((use) => use.callers);
  expect(callers).toEqual(["nobody", "a gateway and its Envoy"]);
  expect(measured.pageBytes).toBeGreaterThan(40_000);
  for (const use of measured.uses) {
    expect(use.cores).toBeGreaterThanOrEqual(0);
    expect(use.residentMiB).toBeGreaterThan(10);
  }
  const heavy = measured.uses.map((use) => ({ ...use, cores: 0.21, residentMiB: 256 }));
  const text = idleText({
    ...{ machine: describeMachine(), plan },
    measured: { ...measured, uses: heavy },
  });
  expect(text).toMatch(/\| CPU \| nobody \| 0.210 cores \| ≤ 0.2 cores \| \*\*missed\*\* \|/);
  expect(text).toMatch(/\| resident memory \| nobody \| 256 MiB \| ≤ 256 MiB \| met \|/);
});
