// What a process holds of memory, from Linux's /proc.

import { readFileSync } from "node:fs";

export interface ProcessMemory {
  /** All of it that is in memory. */
  residentBytes: number;
  /** The linear memory of each WebAssembly machine, grown so far; the largest first. */
  machineBytes: number[];
}

export function memoryOf(processId: number): ProcessMemory {
  const status = readFileSync(`/proc/${processId}/status`, "utf8");
  const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  const machineBytes = machinesIn(readFileSync(`/proc/${processId}/maps`, "utf8"));
  return { residentBytes: resident * 1024, machineBytes };
}

/** V8 reserves this much address space for each linear memory, so that it needs no bounds checks. */
const RESERVED_MIN = 4 * 1024 ** 3;

/**
 * A linear memory is a writable mapping that ends where the rest of its reservation, which nothing
 * may touch, begins.
 */
export function machinesIn(maps: string): number[] {
  const mappings = [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (\S+)/gm)].map(
    ([, start, end, access]) => ({
      start: Number.parseInt(start ?? "", 16),
      end: Number.parseInt(end ?? "", 16),
      access,
    }),
  );
  const machines = mappings.flatMap(({ start, end, access }, at) => {
    const next = mappings[at + 1];
    const isMachine =
      access === "rw-p" &&
      next?.access === "---p" &&
      next.start === end &&
      next.end - start >= RESERVED_MIN;
    return isMachine ? [end - start] : [];
  });
  return machines.sort((a, b) => b - a);
}
