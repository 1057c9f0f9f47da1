import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, test } from "vitest";
import { parsePoolFile } from "../../control-plane/discovery/file.ts";
import { CONNECTOR_NAMES } from "../../control-plane/pool/roles.ts";
import { CONNECTORS } from "../../simulator/connectors/transfers.ts";
import {
  emptyStore,
  roleServers,
  roleSimulatorPart,
  SIMULATED_CONNECTORS,
  writeRolePool,
} from "../../start/roles.ts";
import { temporaryFolder } from "../support/components.ts";

it("the pool file tells the control plane each simulated server's role and connector", () => {
  const servers = roleServers([21_001, 21_002, 21_003, 21_004], 1, 1);
  const path = writeRolePool(temporaryFolder(), servers, "mooncake");
  const [pool] = parsePoolFile(readFileSync(path, "utf8"), path, "pool");
  const told = pool?.endpoints.map(({ port, labels }) => [port, labels["llm-d.ai/role"]]);
  expect(told).toEqual([
    [21_001, "encode"],
    [21_002, "prefill"],
    [21_003, "decode"],
    [21_004, "decode"],
  ]);
  expect(pool?.endpoints[1]?.labels).toMatchObject({
    "llm-d.ai/kv-connector": "mooncake",
    "llm-d.ai/bootstrap-port": "21002",
  });
});

it("simulated servers of a role are told it, and named by it", () => {
  const [server] = roleServers([21_001], 0, 1);
  const { name, args } = roleSimulatorPart(server!, "sglang", "/state");
  expect(name).toBe("Simulated model server 127.0.0.1:21001, prefill");
  expect(args.join(" ")).toContain("--role prefill --kv-connector sglang");
});

it("simulated servers of shared storage share a folder, LMCache's likewise", () => {
  const [server] = roleServers([21_001], 0, 1);
  for (const connector of ["shared-storage", "lmcache"]) {
    const { args } = roleSimulatorPart(server!, connector, "/state");
    expect(args.join(" ")).toContain("--kv-connector shared-storage --kv-store /state/kv-store");
  }
});

it("their folder is empty when they start, and it need not be there", () => {
  const stateDir = temporaryFolder();
  emptyStore(stateDir);
  const store = join(stateDir, "kv-store");
  mkdirSync(store);
  writeFileSync(join(store, "block"), "old");
  emptyStore(stateDir);
  expect(existsSync(store)).toBe(false);
});

test("every connector of the control plane can be simulated, and the simulator speaks it", () => {
  expect([...SIMULATED_CONNECTORS].sort()).toEqual([...CONNECTOR_NAMES].sort());
  const [server] = roleServers([21_001], 0, 1);
  const spoken = SIMULATED_CONNECTORS.map((connector) => {
    const { args } = roleSimulatorPart(server!, connector, "/state");
    return args[args.indexOf("--kv-connector") + 1];
  });
  expect(CONNECTORS).toEqual(expect.arrayContaining(spoken));
});
