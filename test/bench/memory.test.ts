import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { machinesIn, memoryOf } from "../../bench/measure/memory.ts";

test("a WebAssembly memory is found among the mappings, with the size it has grown to", () => {
  const before = machinesIn(mapsOf());
  const memory = new WebAssembly.Memory({ initial: 123 });
  new Uint8Array(memory.buffer).fill(1);
  const after = machinesIn(mapsOf());
  expect(after.length).toBe(before.length + 1);
  expect(after).toContain(123 * 65_536);
});

function mapsOf(): string {
  return readFileSync("/proc/self/maps", "utf8");
}

test("what a process holds is told in bytes", () => {
  expect(memoryOf(process.pid).residentBytes).toBeGreaterThan(10 * 1024 ** 2);
});
