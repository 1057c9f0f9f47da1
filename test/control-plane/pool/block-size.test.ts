import { afterEach, expect, it } from "vitest";
import { firstBlockBytes, fittingBlockBytes } from "../../../control-plane/pool/block-size.ts";
import { BLOCK_BYTES_MAX, CAPACITY_BLOCKS_MAX } from "../../../protocol/limits.ts";
import * as wire from "../../../protocol/records.ts";
import { until } from "../../support/until.ts";
import { SETTINGS, Started } from "../hints/started.ts";

let started: Started | null = null;

afterEach(async () => {
  await started?.stop();
  started = null;
});

it("blocks are doubled until the blocks of all caches fit the index", () => {
  const fitting = (bytes: number) => fittingBlockBytes(bytes, 1000, 1024, 1024);
  expect(fitting(1_024_000)).toBe(1024);
  expect(fitting(1_024_001)).toBe(2048);
  expect(fitting(4_100_000)).toBe(8192);
  expect(fitting(1e18)).toBe(BLOCK_BYTES_MAX);
});

it("blocks are halved late, and never below the size that was asked for", () => {
  const fitting = (bytes: number) => fittingBlockBytes(bytes, 1000, 1024, 2048);
  expect(fitting(900_000)).toBe(2048);
  expect(fitting(768_000)).toBe(1024);
  expect(fitting(1)).toBe(1024);
});

it("the size known before is begun with only where doubling the size asked for leads to it", () => {
  expect(firstBlockBytes(1024, 4096)).toBe(4096);
  for (const unfit of [null, 0, -1024, 512, 1000, 3072, 2 * BLOCK_BYTES_MAX, Number.NaN]) {
    expect(firstBlockBytes(1024, unfit)).toBe(1024);
  }
});

it("a pool begins with the size asked for where it was raised since", async () => {
  started = await Started.start({ blockBytes: 4096, lastKnownBlockBytes: 2048 });
  expect(started.pool.blockBytes).toBe(4096);
});

it("a pool whose caches outgrow the index tells larger blocks, and shows it", async () => {
  // Two caches of 100,000 tokens, as is believed of engines that do not tell: 703 blocks of 1 KiB.
  const settings = { ...SETTINGS, indexKeysMax: 500 };
  started = await Started.start({ settings });
  const { gateway, app } = started;
  const hints = await gateway("a").poll();
  const pool = hints!.bodies.get(wire.POOL)!;
  expect(pool.getUint32(wire.POOL_BLOCK_BYTES, true)).toBe(2048);
  const capacities = hints!.endpoints.map(({ capacityBlocks }) => capacityBlocks);
  expect(capacities.reduce((sum, blocks) => sum + blocks)).toBeLessThanOrEqual(500);
  expect(await started.metrics()).toContain('hintway_block_bytes{pool="pool"} 2048');
  const status = (await app.inject({ url: "/status" })).payload;
  expect(status).toContain("2048 bytes a block (1024 would not fit the index)");
});

it("keys of blocks of another size are forgotten", async () => {
  const settings = { ...SETTINGS, indexKeysMax: 1_000 };
  started = await Started.start({ settings });
  const { gateway, controlPlane, engines } = started;
  const polling = gateway("a");
  const slot = (await polling.poll())!.endpoints[0]!.slot;
  await polling.report((records) => records.pick(slot, [[1, 2]]));
  expect(controlPlane.index.size).toBe(1);
  engines[0]!.cacheTokens = 1_000_000;
  await until("blocks are larger", () => started!.pool.blockBytes > 1024);
  expect(controlPlane.index.size).toBe(0);
});

it("an absurd cache is told as the limit", async () => {
  started = await Started.start();
  const { gateway, engines } = started;
  engines[0]!.cacheTokens = 1e15;
  await until("it is read", () => started!.pool.blockBytes > 1024);
  const hints = await gateway("a").poll();
  for (const { capacityBlocks } of hints!.endpoints) {
    expect(capacityBlocks).toBeLessThanOrEqual(CAPACITY_BLOCKS_MAX);
  }
});
