import { beforeEach, describe, expect, it } from "vitest";
import {
  defaultConfiguration,
  parseConfiguration,
} from "../../../control-plane/config/configuration.ts";
import type {
  DiscoveredEndpoint,
  DiscoveredPool,
} from "../../../control-plane/discovery/discovered.ts";
import { Pools } from "../../../control-plane/pool/pools.ts";
import {
  OBJECTIVES_MAX,
  POOL_ENDPOINTS_MAX,
  POOLS_MAX,
  REWRITE_RULES_MAX,
  SLOTS_MAX,
} from "../../../protocol/limits.ts";

const DRAINED_MS = 60_000;

let pools: Pools;

beforeEach(() => {
  const blocks = { bytesMin: 1024, lastKnownBytes: null, keysMax: 1_000_000 };
  pools = new Pools(blocks, defaultConfiguration());
});

function endpointAt(address: string): DiscoveredEndpoint {
  return { name: address, namespace: "default", address, port: 8000, labels: {} };
}

/** `network` tells one pool's addresses from another's. */
function pool(name: string, network: number, count = 2): DiscoveredPool {
  const addresses = Array.from({ length: count }, (_, n) => `10.${network}.${n >> 8}.${n & 255}`);
  return { name, endpoints: addresses.map(endpointAt) };
}

const names = () => [...pools].map(({ name }) => name);
const numberOf = (wanted: string) => [...pools].find(({ name }) => name === wanted)?.number;
const slots = () => [...pools.endpoints()].map(({ slot }) => slot);

describe("a pool", () => {
  it("keeps its number while others come and go", () => {
    pools.discover([pool("a", 1), pool("b", 2)], 0);
    expect([numberOf("a"), numberOf("b")]).toEqual([0, 1]);
    pools.discover([pool("b", 2), pool("c", 3)], 1);
    pools.sweep(1 + DRAINED_MS);
    expect(names()).toEqual(["b", "c"]);
    expect([numberOf("b"), numberOf("c")]).toEqual([1, 2]);
  });

  it("that is no longer listed drains, and exists until it has", () => {
    pools.discover([pool("a", 1), pool("b", 2)], 0);
    pools.discover([pool("b", 2)], 5);
    expect(names()).toEqual(["a", "b"]);
    const draining = [...pools.endpoints()].map(({ drainingSinceMs }) => drainingSinceMs);
    expect(draining).toEqual([5, 5, null, null]);
    const gone = pools.sweep(5 + DRAINED_MS);
    expect(gone.map(({ pool: { name }, endpoint }) => [name, endpoint.address])).toEqual([
      ["a", "10.1.0.0:8000"],
      ["a", "10.1.0.1:8000"],
    ]);
    expect(names()).toEqual(["b"]);
  });

  it("that is listed again before it is gone is the one it was", () => {
    pools.discover([pool("a", 1), pool("b", 2)], 0);
    pools.assignSlots(0);
    const before = slots();
    pools.discover([pool("b", 2)], 5);
    pools.discover([pool("a", 1), pool("b", 2)], 6);
    pools.sweep(6 + DRAINED_MS);
    expect([numberOf("a"), ...slots()]).toEqual([0, ...before]);
  });

  it("without endpoints is gone at once when it is no longer listed", () => {
    pools.discover([{ name: "a", endpoints: [] }], 0);
    pools.discover([], 1);
    expect(names()).toEqual([]);
  });

  it("may list an address that another lists too, each under a slot of its own", () => {
    pools.discover([pool("a", 1, 1), pool("b", 1, 1)], 0);
    pools.assignSlots(0);
    expect(slots()).toEqual([0, 1]);
    const places = pools.atAddress("10.1.0.0:8000");
    expect(places.map((place) => place.pool.name)).toEqual(["a", "b"]);
    expect(pools.atSlot(1)?.pool.name).toBe("b");
  });
});

describe("limits", () => {
  it("endpoints past a pool's limit, and past all slots, are left out", () => {
    const full = Array.from({ length: 5 }, (_, n) => pool(`p${n}`, n, POOL_ENDPOINTS_MAX));
    const over = { name: "over", endpoints: pool("", 9, POOL_ENDPOINTS_MAX + 3).endpoints };
    expect(pools.discover([over], 0).endpointsLeftOut).toBe(3);
    pools.assignSlots(0);
    const { gone, endpointsLeftOut } = pools.discover(full, 1);
    expect(gone).toHaveLength(POOL_ENDPOINTS_MAX);
    expect(endpointsLeftOut).toBe(5 * POOL_ENDPOINTS_MAX - SLOTS_MAX);
    expect(new Set(slots()).size).toBe(SLOTS_MAX);
    expect(slots()).not.toContain(null);
  });

  it("pools past the limit are left out, and those that drain make room for listed ones", () => {
    const many = (from: number) =>
      Array.from({ length: POOLS_MAX }, (_, n) => pool(`p${from + n}`, from + n, 1));
    const { poolsLeftOut } = pools.discover([...many(0), pool("x", 200)], 0);
    expect(poolsLeftOut).toBe(1);
    const { gone } = pools.discover(many(10), 1);
    expect(gone).toHaveLength(10);
    expect(names()).toEqual(many(10).map(({ name }) => name));
    const numbers = pools.told.map(({ number }) => number).toSorted((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: POOLS_MAX }, (_, n) => n));
  });

  it("a pool on whose number replicas have not agreed is told to nobody", () => {
    pools.awaitAgreement();
    pools.discover([pool("a", 0), pool("b", 10)], 0);
    expect(pools.told).toEqual([]);
    pools.agree(new Map(), new Map([["b", 7]]), 0);
    expect(pools.told.map(({ name, number }) => [name, number])).toEqual([["b", 7]]);
    pools.agree(new Map(), new Map([["a", 7]]), 0);
    expect(pools.told.map(({ name, number }) => [name, number])).toEqual([["a", 7]]);
    pools.standAlone(0);
    expect(new Set(pools.told.map(({ number }) => number)).size).toBe(2);
  });

  it("rules of pools that are not there take no room from others", () => {
    const rule = (name: string, model: string) => {
      return { models: [model], pool: name, targets: [{ model: "t", weight: 1 }] };
    };
    pools.discover([pool("mine", 0)], 0);
    const others = Array.from({ length: REWRITE_RULES_MAX }, (_, n) => rule("others", `m${n}`));
    pools.setRewrites("cluster", [...others, rule("mine", "m")]);
    expect(pools.rewrites.map(({ model }) => model)).toEqual(["m"]);
    expect(pools.rulesLeftOut).toBe(0);
    pools.setRewrites(
      "cluster",
      [...others, rule("mine", "m")].map((one) => ({ ...one, pool: "mine" })),
    );
    expect(pools.rulesLeftOut).toBe(1);
  });

  it("objectives past the limit are counted, the operator's once in each pool", () => {
    const many = Array.from({ length: OBJECTIVES_MAX / 2 }, (_, n) => [`o${n}`, -1]);
    pools.assignObjectives(Object.fromEntries(many));
    pools.discover([pool("a", 0), pool("b", 10)], 0);
    expect(pools.objectivesLeftOut).toBe(0);
    pools.discover([{ ...pool("a", 0), objectives: { own: -2 } }, pool("b", 10)], 0);
    expect(pools.objectivesLeftOut).toBe(1);
  });

  it("blocks have one size, with which the caches of all pools fit the index", () => {
    const blocks = { bytesMin: 1024, lastKnownBytes: null, keysMax: 1000 };
    pools = new Pools(blocks, defaultConfiguration());
    // Each endpoint is taken to hold 100,000 tokens: 352 blocks of 1 KiB.
    pools.discover([pool("a", 1, 2)], 0);
    pools.retell();
    expect(pools.blocks.bytes).toBe(1024);
    pools.discover([pool("a", 1, 2), pool("b", 2, 2)], 1);
    expect(pools.retell()).toBe(true);
    expect([...pools].map(({ blockBytes }) => blockBytes)).toEqual([2048, 2048]);
  });
});

describe("a configuration", () => {
  const queueOnly = parseConfiguration(
    "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins: [{type: queue-scorer}]",
    "b.yaml",
  );
  const sources = () => [...pools].map(({ configuration }) => configuration.source);

  it("of one pool holds for it alone, also when it was told before the pool", () => {
    pools.configure(queueOnly, "b");
    pools.discover([pool("a", 1), pool("b", 2)], 0);
    expect(sources()).toEqual(["default", "b.yaml"]);
    pools.configure(null, "b");
    expect(sources()).toEqual(["default", "default"]);
  });

  it("of all pools leaves those with one of their own alone", () => {
    pools.discover([pool("a", 1), pool("b", 2)], 0);
    pools.configure(defaultConfiguration(), "b");
    pools.configure(queueOnly);
    expect(sources()).toEqual(["b.yaml", "default"]);
  });
});
