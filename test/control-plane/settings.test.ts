import { expect, it } from "vitest";
import { readOptions } from "../../control-plane/options.ts";
import { adjustableOf } from "../../control-plane/settings.ts";
import * as wire from "../../protocol/records.ts";
import { until } from "../support/until.ts";
import { SETTINGS, startingEach } from "./hints/started.ts";

const parts = startingEach();
const OWN = readOptions(["--token-file", "unused"]);

it("settings that are changed reach a gateway with its next answer", async () => {
  const { controlPlane, gateway: named } = await parts.start();
  const gateway = named("g");
  const before = await gateway.poll();
  expect(settingOf(before?.bodies.get(wire.SETTINGS), wire.SETTINGS_STALE_MS)).toBe(3000);
  controlPlane.adjust(adjustableOf({ ...OWN, staleMs: 7000, explain: false }));
  const told = await gateway.pollUntil(({ bodies }) => bodies.has(wire.SETTINGS));
  const settings = told.bodies.get(wire.SETTINGS);
  expect(settingOf(settings, wire.SETTINGS_STALE_MS)).toBe(7000);
  expect(settingOf(settings, wire.SETTINGS_FLAGS)).toBe(0);
});

it("blocks of another size are told, and the index begins anew", async () => {
  const { controlPlane, gateway: named } = await parts.start();
  const gateway = named("g");
  await gateway.poll();
  const slot = [...controlPlane.pools.endpoints()][0]?.slot ?? 0;
  await gateway.report((records) => records.pick(slot, [[1, 2]]));
  await until("the pick to be known", () => controlPlane.index.size === 1);
  controlPlane.adjust(adjustableOf({ ...OWN, blockBytes: 1536 }));
  expect(controlPlane.index.size).toBe(0);
  const told = await gateway.pollUntil(({ bodies }) => bodies.has(wire.POOL));
  expect(settingOf(told.bodies.get(wire.POOL), wire.POOL_BLOCK_BYTES)).toBe(1536);
});

it("a smaller index keeps fewer keys at once", async () => {
  const { controlPlane } = await parts.start();
  const { index } = controlPlane;
  controlPlane.adjust({ ...adjustableOf(OWN), settings: { ...SETTINGS, indexKeysMax: 1 } });
  expect(index.keysMax).toBe(1);
  const limits = [...index.lists()].map(([, { limit }]) => limit);
  expect(limits.reduce((sum, limit) => sum + limit, 0)).toBeLessThanOrEqual(1);
});

it("a shorter probe period holds before the longer one is over", async () => {
  const probe = { periodMs: 3_600_000, timeoutMs: 1000 };
  const { controlPlane, engines } = await parts.start({ probe, engines: 1 });
  engines[0]!.waiting = 7;
  controlPlane.adjust({ ...adjustableOf(OWN), probe: { periodMs: 50, timeoutMs: 1000 } });
  const [endpoint] = controlPlane.pools.endpoints();
  await until("another probe", () => endpoint?.reading?.waiting === 7);
});

function settingOf(record: DataView | undefined, offset: number): number | undefined {
  return record?.getUint32(offset, true);
}
