import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parsePoolFile } from "../../control-plane/discovery/file.ts";
import { roleServers, roleSimulatorPart, writeRolePool } from "../../start/roles.ts";
import { temporaryFolder } from "../support/components.ts";

it("the pool file tells the control plane each simulated server's role", () => {
  const servers = roleServers([21_001, 21_002, 21_003], 1);
  const path = writeRolePool(temporaryFolder(), servers);
  const [pool] = parsePoolFile(readFileSync(path, "utf8"), path, "pool");
  const roles = pool?.endpoints.map(({ port, labels }) => [port, labels["llm-d.ai/role"]]);
  expect(roles).toEqual([
    [21_001, "decode"],
    [21_002, "decode"],
    [21_003, "prefill"],
  ]);
});

it("simulated servers of a role are told it, and named by it", () => {
  const [server] = roleServers([21_001], 1);
  const { name, args } = roleSimulatorPart(server!);
  expect(name).toBe("Simulated model server 127.0.0.1:21001, prefill");
  expect(args.join(" ")).toContain("--role prefill --kv-connector nixlv2");
});
