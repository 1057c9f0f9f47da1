import { beforeEach, describe, expect, it } from "vitest";
import { defaultConfiguration } from "../../../control-plane/config/configuration.ts";
import type { DiscoveredPool } from "../../../control-plane/discovery/discovered.ts";
import { emptyReading } from "../../../control-plane/engines/reading.ts";
import { Pools } from "../../../control-plane/pool/pools.ts";
import { PoolWarnings } from "../../../control-plane/pool/warnings.ts";
import { MODELS_MAX, MODELS_TEXT_BYTES_MAX } from "../../../protocol/limits.ts";

let pools: Pools;

beforeEach(() => {
  const blocks = { bytesMin: 1024, lastKnownBytes: null, keysMax: 1000 };
  pools = new Pools(blocks, defaultConfiguration());
  pools.discover([pool("a", "10.0.0.1"), pool("b", "10.0.0.2", "10.0.0.3")], 0);
});

function pool(name: string, ...addresses: string[]): DiscoveredPool {
  const endpoints = addresses.map((address) => {
    return { name: address, namespace: "default", address, port: 80, labels: {} };
  });
  return { name, endpoints };
}

function endpointAt(address: string) {
  return pools.atAddress(`${address}:80`)[0]!.endpoint;
}

function lists(address: string, ...models: string[]): void {
  endpointAt(address).models = models;
}

/** Its metrics name these. */
function shows(address: string, ...models: string[]): void {
  endpointAt(address).takeReading({ ...emptyReading("vllm"), models }, 0);
}

function told(nowMs = 0): Record<string, number> {
  pools.retellModels(nowMs);
  return Object.fromEntries(pools.models.poolOf);
}

describe("the models of pools", () => {
  it("are those that their endpoints list, or their metrics name", () => {
    lists("10.0.0.1", "qwen", "qwen-sql");
    shows("10.0.0.2", "llama");
    expect(told()).toEqual({ qwen: 0, "qwen-sql": 0, llama: 1 });
    const { data } = JSON.parse(pools.models.text);
    expect(data[1]).toEqual({ id: "qwen-sql", object: "model", created: 0, owned_by: "hintway" });
    expect(pools.retellModels(0)).toBe(false);
  });

  it("are all known once each pool has told its list, or one is assigned to it", () => {
    lists("10.0.0.1", "qwen");
    shows("10.0.0.2", "llama");
    told();
    expect(pools.models.areAll).toBe(false);
    lists("10.0.0.2", "llama");
    told();
    expect(pools.models.areAll).toBe(true);
    shows("10.0.0.3", "llama");
    told();
    expect(pools.models.areAll).toBe(false);
    pools.assignModels({ "llama-next": "b" });
    expect(told()).toMatchObject({ "llama-next": 1, llama: 1 });
    expect(pools.models.areAll).toBe(true);
  });

  it("that two pools tell belong to the first, unless they are assigned", () => {
    lists("10.0.0.1", "shared");
    lists("10.0.0.2", "shared");
    expect(told()).toEqual({ shared: 0 });
    pools.assignModels({ shared: "b", other: "nobody" });
    expect(told()).toEqual({ shared: 1 });
  });

  it("that two pools tell are warned of, until they are assigned", () => {
    lists("10.0.0.1", "shared", "qwen");
    lists("10.0.0.2", "shared", "llama");
    const warnings = new PoolWarnings();
    const due = () => warnings.take(pools).map(({ fields }) => fields);
    expect(due()).toEqual([{ models: [{ model: "shared", pools: ["a", "b"] }] }]);
    expect(due()).toEqual([]);
    pools.assignModels({ shared: "b" });
    expect(due()).toEqual([]);
  });

  it("go with the endpoint that drains, and with the pool", () => {
    lists("10.0.0.1", "qwen");
    lists("10.0.0.2", "old");
    lists("10.0.0.3", "llama");
    pools.discover([pool("a", "10.0.0.1"), pool("b", "10.0.0.3")], 1);
    expect(told()).toEqual({ qwen: 0, llama: 1 });
    pools.discover([pool("a", "10.0.0.1")], 2);
    expect(told()).toEqual({});
  });

  it("of a pool that has just come are told when Envoy has its cluster too", () => {
    lists("10.0.0.1", "qwen");
    lists("10.0.0.2", "llama");
    const listed = [pool("a", "10.0.0.1"), pool("b", "10.0.0.2")];
    pools.discover([...listed, pool("c", "10.0.0.4")], 10_000);
    lists("10.0.0.4", "gemma");
    expect(told(10_000)).toEqual({ qwen: 0, llama: 1 });
    expect(pools.retellModels(12_499)).toBe(false);
    expect(pools.retellModels(12_500)).toBe(true);
    expect(told(12_500)).toMatchObject({ gemma: 2 });
    pools.discover(listed, 20_000);
    pools.discover([...listed, pool("c", "10.0.0.4")], 21_000);
    expect(told(21_000)).toMatchObject({ gemma: 2 });
  });

  it("of the only pools there are, are told at once", () => {
    pools.discover([pool("c", "10.0.0.4"), pool("d", "10.0.0.5")], 10_000);
    lists("10.0.0.4", "gemma");
    lists("10.0.0.5", "phi");
    expect(told(10_000)).toEqual({ gemma: 2, phi: 3 });
  });

  it("are left to the one pool where there is no other", () => {
    lists("10.0.0.1", "qwen");
    pools.discover([pool("a", "10.0.0.1")], 1);
    expect(told()).toEqual({});
    expect(pools.models.text).toBe("");
  });

  it("past the limits are left out, and then not all are known", () => {
    lists("10.0.0.1", ...Array.from({ length: MODELS_MAX }, (_, n) => `m${n}`));
    lists("10.0.0.2", "llama");
    lists("10.0.0.3", "llama");
    expect(Object.keys(told())).toHaveLength(MODELS_MAX);
    expect(pools.models.areAll).toBe(false);
    lists("10.0.0.1", ...Array.from({ length: 900 }, (_, n) => "é".repeat(250) + n));
    told();
    expect(Buffer.byteLength(pools.models.text)).toBeLessThanOrEqual(MODELS_TEXT_BYTES_MAX);
    expect(pools.models.areAll).toBe(false);
  });
});
