import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LastKnownFile, readLastKnown } from "../../../control-plane/http/last-known.ts";
import { readHints } from "../hints/gateway.ts";
import { Started } from "../hints/started.ts";

let folder = "";
let started: Started | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hintway-"));
});

afterEach(async () => {
  await started?.stop();
  started = null;
  await rm(folder, { recursive: true });
});

async function keptBy(running: Started): Promise<{ clusters: unknown[]; hints: string }> {
  const file = new LastKnownFile(folder);
  file.follow(running.controlPlane, { warn() {} });
  file.outdated();
  await file.stop();
  return JSON.parse(await readFile(join(folder, "last-known.json"), "utf8"));
}

it("what is kept is the pool written out and a whole table", async () => {
  started = await Started.start();
  const told = await started.gateway("a").poll();
  const { clusters, hints } = await keptBy(started);
  const kept = readHints(Buffer.from(hints, "base64"));
  expect(kept.endpoints).toEqual(told?.endpoints);
  expect(kept.loads).toHaveLength(2);
  expect(clusters).toEqual([expect.objectContaining({ name: "pool-last-known", type: "STATIC" })]);
  expect(JSON.stringify(clusters)).toContain(String(started.engines[0]?.address.split(":")[1]));
});

it("a process that starts numbers endpoints, and cuts blocks, as was kept", async () => {
  started = await Started.start();
  const claims = [{ slot: 42, address: started.engines[0]!.address }];
  await started.gateway("a").poll({ claims });
  await keptBy(started);
  const { slots, blockBytes } = await readLastKnown(folder);
  expect(slots).toContainEqual(claims[0]);
  expect(blockBytes).toBe(1024);
});

it("a file that is absent, cut or foreign keeps no process from starting", async () => {
  const nothing = { slots: [], blockBytes: null };
  expect(await readLastKnown(join(folder, "none"))).toEqual(nothing);
  for (const text of ["{", "null", '{"hints": 5}', '{"hints": "SElOVA=="}']) {
    await writeFile(join(folder, "last-known.json"), text);
    expect(await readLastKnown(folder)).toEqual(nothing);
  }
});
