import { expect, it } from "vitest";
import * as wire from "../../../protocol/records.ts";
import type { Hints } from "./gateway.ts";
import { startingEach } from "./started.ts";

const { start } = startingEach();

const STREAMED = { flags: wire.DONE_FLAG_STREAMED, promptBytes: 4_000, promptTokens: 1_000 };

function loadOf(hints: Hints, slot: number | undefined): Hints["loads"][number] | undefined {
  return hints.loads.find((load) => load.slot === slot);
}

it("an endpoint whose first bytes take three times as long is told to be slower", async () => {
  const gateway = (await start()).gateway("a");
  const [slow, other] = (await gateway.poll())!.endpoints.map(({ slot }) => slot);
  await gateway.report((records) => {
    for (let request = 0; request < 40; request++) {
      records.done({ ...STREAMED, slot: slow!, cachedTokens: 0, firstByteMs: 300 });
      records.done({ ...STREAMED, slot: other!, cachedTokens: 0, firstByteMs: 100 });
    }
  });
  const told = await gateway.pollUntil((hints) => (loadOf(hints, slow)?.slowness ?? 1) > 1);
  // Of two endpoints the mean is √3 times the faster one's; 40 of 42 requests are each one's own.
  expect(loadOf(told, slow)?.slowness).toBeCloseTo(3 ** (0.5 * (40 / 42)), 3);
  const faster = await gateway.pollUntil((hints) => (loadOf(hints, other)?.slowness ?? 1) < 1);
  expect(loadOf(faster, other)?.slowness).toBeCloseTo(3 ** (-0.5 * (40 / 42)), 3);
});

it("answers in one piece, errors and retried requests teach no slowness", async () => {
  const running = await start();
  const gateway = running.gateway("a");
  const [slow, other] = (await gateway.poll())!.endpoints.map(({ slot }) => slot);
  const flags = wire.DONE_FLAG_STREAMED | wire.DONE_FLAG_RETRIED;
  await gateway.report((records) => {
    for (let request = 0; request < 40; request++) {
      const late = { ...STREAMED, slot: slow!, cachedTokens: 0, firstByteMs: 900 };
      records.done({ ...late, flags: 0 });
      records.done({ ...late, status: 500 });
      records.done({ ...late, flags });
      records.done({ ...late, slot: other!, firstByteMs: 100 });
    }
  });
  const endpoint = running.pool.atSlot(slow!)!;
  running.pool.reckonSlowness(endpoint, performance.now());
  expect(endpoint.slowness).toBe(1);
});

it("what an engine counts beyond the gateways' requests is told as foreign", async () => {
  const running = await start();
  const gateway = running.gateway("a");
  const slot = (await gateway.poll())!.endpoints[0]!.slot;
  const engine = running.engines.find(
    ({ address }) => address === running.pool.atSlot(slot)?.address,
  )!;
  await gateway.report((records) => records.flight(slot, 4, 5_000, 9_000, 3));
  engine.waiting = 13;
  engine.running = 21;
  const told = await gateway.pollUntil((hints) => loadOf(hints, slot)?.foreign.waiting === 10);
  expect(loadOf(told, slot)?.foreign).toEqual({ waiting: 10, requests: 30 });
  engine.waiting = 0;
  engine.running = 4;
  await gateway.pollUntil((hints) => loadOf(hints, slot)?.foreign.requests === 0);
});
