import { expect, it } from "vitest";
import { defaultConfiguration } from "../../../control-plane/config/configuration.ts";
import { Pools } from "../../../control-plane/pool/pools.ts";
import { PoolWarnings } from "../../../control-plane/pool/warnings.ts";
import { OBJECTIVES_MAX, REWRITE_RULES_MAX } from "../../../protocol/limits.ts";

function warning() {
  const blocks = { bytesMin: 1024, lastKnownBytes: null, keysMax: 1000 };
  const pools = new Pools(blocks, defaultConfiguration());
  const warnings = new PoolWarnings();
  return {
    pools,
    /** Lists one endpoint for each of these labels. */
    discover(connectors: string[], objectives: Record<string, number> = {}) {
      const endpoints = connectors.map((connector, index) => {
        const labels = { "llm-d.ai/kv-connector": connector };
        return { name: "", namespace: "", address: "10.0.0.1", port: index + 1, labels };
      });
      pools.discover([{ name: "pool", endpoints, objectives }], 0);
    },
    take: () => warnings.take(pools).map(({ fields }) => fields),
  };
}

it("what gateways have no room for is told once for each number", () => {
  const { pools, discover, take } = warning();
  const rule = { models: ["m"], pool: "pool", targets: [{ model: "t", weight: 1 }] };
  discover([], Object.fromEntries(Array.from({ length: OBJECTIVES_MAX + 1 }, (_, n) => [n, -1])));
  pools.setRewrites("cluster", Array(REWRITE_RULES_MAX + 2).fill(rule));
  expect(take()).toEqual([{ rulesLeftOut: 2 }, { objectivesLeftOut: 1 }]);
  expect(take()).toEqual([]);
  discover([]);
  pools.setRewrites("cluster", Array(REWRITE_RULES_MAX + 3).fill(rule));
  expect(take()).toEqual([{ rulesLeftOut: 3 }]);
});

it("pools that are named for a configuration or a model, and do not exist, are told", () => {
  const { pools, discover, take } = warning();
  pools.configure(defaultConfiguration(), "pol");
  pools.assignModels({ m: "pool", n: "qwen", o: "qwen" });
  expect(take()).toEqual([]);
  discover([]);
  expect(take()).toEqual([{ pools: ["pol", "qwen"] }]);
  pools.configure(null, "pol");
  pools.assignModels({ m: "pool" });
  expect(take()).toEqual([]);
});

it("a connector that nobody knows is told by its name, and again when it comes back", () => {
  const { discover, take } = warning();
  discover(["nixlv2", ""]);
  expect(take()).toEqual([]);
  discover(["lmcache", "zeta", "alpha", "zeta"]);
  expect(take()).toEqual([{ connectors: ["alpha", "zeta"] }]);
  discover(["nixlv2", "zeta", "alpha", "alpha"]);
  expect(take()).toEqual([]);
  discover(["nixlv2", "moriio", "alpha", "alpha"]);
  expect(take()).toEqual([{ connectors: ["alpha"] }]);
  discover(["nixlv2", "moriio", "lmcache", "lmcache"]);
  expect(take()).toEqual([]);
  discover(["nixlv2", "moriio", "lmcache", "alpha"]);
  expect(take()).toEqual([{ connectors: ["alpha"] }]);
});
