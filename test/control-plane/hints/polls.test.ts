import { expect, it } from "vitest";
import { parseConfiguration } from "../../../control-plane/config/configuration.ts";
import { EMPTY_PAUSE_MS } from "../../../control-plane/hints/long-polls.ts";
import { FLAG_WANTS_INDEX, FLAG_WHOLE_TABLE } from "../../../protocol/frame.ts";
import { hashBytes, keyHigh, keyLow } from "../../../protocol/keys.ts";
import { SCORE_TOKEN_COST, STEP_BYTES } from "../../../protocol/profile.ts";
import * as wire from "../../../protocol/records.ts";
import { until } from "../../support/until.ts";
import { ADJUSTABLE, SETTINGS, startingEach } from "./started.ts";

const { start, running } = startingEach();

it("a first poll is answered at once with settings, pool, endpoints, loads and a position", async () => {
  const { gateway, engines } = await start();
  const hints = await gateway("a").poll();
  expect(hints?.flags).toBe(FLAG_WHOLE_TABLE);
  expect(hints?.generation).not.toBe(0);
  expect(hints?.kinds).toEqual([wire.SETTINGS, wire.POOL, 3, 3, 4, 4, wire.POSITION]);
  expect(hints?.endpoints.map(({ address }) => address)).toEqual(engines.map((e) => e.address));
  expect(hints?.loads.map(({ state }) => state)).toEqual([wire.STATE_UP, wire.STATE_UP]);
  const settings = hints!.bodies.get(wire.SETTINGS)!;
  expect(settings.getUint32(wire.SETTINGS_STALE_MS, true)).toBe(SETTINGS.staleMs);
  expect(settings.getUint32(wire.SETTINGS_REPORT_MS, true)).toBe(SETTINGS.reportMs);
  expect(settings.getUint32(wire.SETTINGS_FLAGS, true)).toBe(wire.SETTINGS_FLAG_EXPLAIN);
});

it("a pool tells its cluster by hash, its block size, its steps and its name", async () => {
  const { gateway } = await start();
  const pool = (await gateway("a").poll())!.bodies.get(wire.POOL)!;
  const bytes = Buffer.from("pool");
  hashBytes(new DataView(bytes.buffer, bytes.byteOffset, 4), 0, 4, new Uint32Array(16));
  expect(pool.getUint32(wire.POOL_CLUSTER_LOW, true)).toBe(keyLow);
  expect(pool.getUint32(wire.POOL_CLUSTER_HIGH, true)).toBe(keyHigh);
  expect(pool.getUint32(wire.POOL_BLOCK_BYTES, true)).toBe(1024);
  expect(pool.getUint32(wire.POOL_TOKEN_MILLIBYTES, true)).toBe(4000);
  expect(pool.getUint32(wire.POOL_PROFILES, true)).toBe(1);
  const program = wire.POOL_BYTES + wire.PROFILE_BYTES;
  expect(pool.getUint32(program, true)).toBe(SCORE_TOKEN_COST);
  const steps = pool.getUint32(wire.POOL_STEPS, true);
  const at = pool.byteOffset + program + steps * STEP_BYTES;
  expect(Buffer.from(pool.buffer, at, 4).toString()).toBe("pool");
});

it("a pool names the headers that its profiles look at", async () => {
  const configuration = parseConfiguration(SESSION_PROFILE, "test");
  const { gateway } = await start({ configuration });
  const pool = (await gateway("a").poll())!.bodies.get(wire.POOL)!;
  const bytes = pool.getUint32(wire.POOL_HEADERS_BYTES, true);
  const text = Buffer.from(pool.buffer, pool.byteOffset, pool.byteLength).toString("latin1");
  const names = "x-session-token\0x-tenant\0";
  expect(bytes).toBe(names.length);
  expect(text.slice(text.lastIndexOf("pool") + 4)).toBe(names.padEnd((bytes + 3) & ~3, "\0"));
});

const SESSION_PROFILE = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: session-affinity-scorer
- type: header-label-affinity-scorer
  parameters: {headerName: X-Tenant, labelKey: tenant}
`;

it("a poll that knows everything is held, and answered when an engine's queue changes", async () => {
  const { gateway, engines } = await start();
  const polling = gateway("a");
  const slot = (await polling.poll())!.endpoints[1]!.slot;
  engines[1]!.waiting = 7;
  const hints = await polling.pollUntil(({ loads }) => loads.some((load) => load.waiting === 7));
  expect(hints.kinds).not.toContain(wire.ENDPOINT);
  expect(hints.loads.find((load) => load.waiting === 7)?.slot).toBe(slot);
});

it("a poll with nothing to tell is answered 204 after the time it may be held", async () => {
  const { gateway } = await start({ engines: 0 });
  const polling = gateway("a");
  await polling.poll();
  expect(await polling.poll({ holdMs: 30 })).toBeNull();
});

it("gateways that share an id, or will not wait, are told nothing no sooner than a pause", async () => {
  const { gateway } = await start({ engines: 0 });
  const polling = gateway("a");
  await polling.poll();
  const startMs = performance.now();
  const rival = async () => {
    for (let poll = 0; poll < 4; poll++) expect(await polling.poll({ holdMs: 0 })).toBeNull();
  };
  await Promise.all([rival(), rival()]);
  // A timer may fire a fraction of a millisecond early.
  expect(performance.now() - startMs).toBeGreaterThan(4 * (EMPTY_PAUSE_MS - 1));
});

it("a newer poll of the same gateway ends the older one", async () => {
  const { gateway } = await start({ engines: 0 });
  const polling = gateway("a");
  await polling.poll();
  const older = polling.poll({ holdMs: 20_000 });
  const newer = polling.poll({ holdMs: 20 });
  expect(await older).toBeNull();
  expect(await newer).toBeNull();
});

it("a changed profile reaches a gateway as a whole table", async () => {
  const { gateway, controlPlane } = await start();
  const polling = gateway("a");
  await polling.poll();
  controlPlane.configure(parseConfiguration(QUEUE_PROFILE, "test"));
  const hints = await polling.pollUntil(({ flags }) => (flags & FLAG_WHOLE_TABLE) !== 0);
  expect(hints.loads).toHaveLength(2);
  expect(hints.kinds).toContain(wire.SETTINGS);
});

const QUEUE_PROFILE = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: kv-cache-utilization-scorer
`;

it("the score of a scorer that needs the endpoint alone is pushed with its load", async () => {
  const configuration = parseConfiguration(QUEUE_PROFILE, "test");
  const { gateway, engines } = await start({ configuration });
  const polling = gateway("a");
  await polling.poll();
  engines[0]!.kvUse = 0.75;
  const hints = await polling.pollUntil(({ loads }) => loads.some((load) => load.kvUse === 0.75));
  expect(hints.loads.find((load) => load.kvUse === 0.75)?.values).toEqual([0.25]);
});

it("a restarted process numbers endpoints as the first gateway that polls does", async () => {
  const { gateway, engines } = await start();
  const claims = [
    { slot: 700, address: engines[1]!.address },
    { slot: 3, address: engines[0]!.address },
  ];
  const polling = gateway("a");
  polling.generation = 77;
  const hints = await polling.poll({ claims });
  expect(hints?.endpoints.map(({ slot }) => slot)).toEqual([3, 700]);
  const later = await gateway("b").poll({ claims: [{ slot: 9, address: engines[0]!.address }] });
  expect(later?.endpoints.map(({ slot }) => slot)).toEqual([3, 700]);
});

it("slots kept on disk are used where no gateway says otherwise", async () => {
  const lastKnownSlots = [
    { slot: 5, address: "127.0.0.1:1" },
    { slot: 6, address: "10.9.9.9:1" },
  ];
  const { gateway, list } = await start({ engines: 0, lastKnownSlots });
  list(
    ["127.0.0.1", "127.0.0.2"].map((address) => {
      return { name: address, namespace: "default", address, port: 1, labels: {} };
    }),
  );
  const hints = await gateway("a").poll();
  expect(hints?.endpoints.map(({ slot }) => slot)).toEqual([5, 0]);
});

it("a gateway that another process told is asked for its index, a fresh one is not", async () => {
  const { gateway } = await start();
  const known = gateway("known");
  known.generation = 1234;
  expect((await known.poll())!.flags & FLAG_WANTS_INDEX).toBe(FLAG_WANTS_INDEX);
  expect((await gateway("fresh").poll())!.flags & FLAG_WANTS_INDEX).toBe(0);
  expect(((await known.poll({ holdMs: 2000 }))?.flags ?? 0) & FLAG_WANTS_INDEX).toBe(0);
});

it("an endpoint that leaves the pool drains, and comes back under its slot", async () => {
  const { gateway, list, listed } = await start();
  const polling = gateway("a");
  const slot = (await polling.poll())!.endpoints[1]!.slot;
  list(listed(1));
  const drained = await polling.pollUntil(({ endpoints }) => endpoints.length === 2);
  const state = drained.loads.find((load) => load.slot === slot)?.state;
  expect(state).toBe(wire.STATE_DRAINING);
  list(listed(2));
  const back = await polling.pollUntil(({ endpoints }) => endpoints.length === 2);
  expect(back.loads.find((load) => load.slot === slot)?.state).toBe(wire.STATE_UP);
});

it("an endpoint that has drained is gone from the table", async () => {
  const clock = { aheadMs: 0 };
  const { gateway, list, listed } = await start({ clock });
  const polling = gateway("a");
  await polling.poll();
  list(listed(1));
  clock.aheadMs = 120_000;
  const hints = await polling.pollUntil(({ endpoints }) => endpoints.length === 1);
  expect(hints.endpoints[0]?.address).toBe(running().engines[0]?.address);
});

it("an endpoint that stops answering probes is down, and up again when it answers", async () => {
  const { gateway, engines } = await start();
  const polling = gateway("a");
  const slot = (await polling.poll())!.endpoints[0]!.slot;
  const isIn = (state: number) => (hints: { loads: { slot: number; state: number }[] }) =>
    hints.loads.some((load) => load.slot === slot && load.state === state);
  await engines[0]!.close();
  await polling.pollUntil(isIn(wire.STATE_DOWN));
  await engines[0]!.open();
  await polling.pollUntil(isIn(wire.STATE_UP));
});

it("a gateway that shares no protocol version is answered 426 with both ranges", async () => {
  const { gateway } = await start();
  const { status, body } = await gateway("a").pollRaw({ versionMin: 7, versionMax: 9 });
  expect(status).toBe(426);
  expect(JSON.parse(body.toString()).error.message).toMatch(/versions 7 to 9.*1 to 1/s);
});

it("a gateway that also speaks later versions is answered in the highest shared one", async () => {
  const { gateway } = await start();
  expect((await gateway("a").poll({ versionMin: 1, versionMax: 9 }))?.version).toBe(1);
});

it("closing the server answers polls that are held", async () => {
  const { gateway, app } = await start({ engines: 0 });
  const polling = gateway("a");
  await polling.poll();
  const held = polling.poll({ holdMs: 20_000 });
  await until("the poll is held", () => running().controlPlane.polls.heldCount);
  await app.close();
  expect(await held).toBeNull();
});

it("every pool is told, with its endpoints, loads and own configuration", async () => {
  const { gateway, controlPlane, listed } = await start();
  const [first, second] = listed();
  controlPlane.discoverPools([
    { name: "pool", endpoints: [first!] },
    { name: "other", endpoints: [second!] },
  ]);
  const hints = await gateway("a").poll();
  expect(hints!.kinds.filter((kind) => kind === wire.POOL)).toHaveLength(2);
  const pools = hints!.endpoints.map(({ address, pool }) => [address, pool]);
  // The second endpoint drains in the pool it was in.
  expect(pools).toEqual([
    [`127.0.0.1:${first!.port}`, 0],
    [`127.0.0.1:${second!.port}`, 0],
    [`127.0.0.1:${second!.port}`, 1],
  ]);
  expect(hints!.loads.map(({ state }) => state)).toEqual([
    wire.STATE_UP,
    wire.STATE_DRAINING,
    wire.STATE_DOWN,
  ]);
});

it("the models of several pools are told when engines list them, and each time they change", async () => {
  const { gateway, controlPlane, listed, engines } = await start();
  const [first, second] = listed();
  engines[0]!.listed = ["qwen"];
  engines[1]!.listed = ["llama", "llama-sql"];
  controlPlane.discoverPools([
    { name: "pool", endpoints: [first!] },
    { name: "other", endpoints: [second!] },
  ]);
  const polling = gateway("a");
  const counted = (count: number) =>
    polling.pollUntil(({ bodies }) => {
      return bodies.get(wire.MODELS)?.getUint32(wire.MODELS_COUNT, true) === count;
    });
  const body = (await counted(3)).bodies.get(wire.MODELS)!;
  expect(body.getUint32(wire.MODELS_FLAGS, true)).toBe(wire.MODELS_FLAG_ALL);
  controlPlane.adjust({ ...ADJUSTABLE, models: { alias: "other" } });
  await counted(4);
  controlPlane.discoverPools([{ name: "pool", endpoints: [first!] }]);
  const alone = await polling.pollUntil(({ kinds }) => kinds.includes(wire.POOL));
  expect(alone.kinds).not.toContain(wire.MODELS);
});
