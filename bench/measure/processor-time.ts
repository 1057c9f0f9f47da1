// What processes and the whole machine have used of the CPUs, from Linux's /proc.

import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Linux counts what all processes use in hundredths of a second, whatever the kernel's own tick. */
const TICKS_A_SECOND = 100;

/** What the threads of a process that are alive have run, in seconds; 0 when it is gone. */
function processSeconds(processId: number): number {
  try {
    const folder = `/proc/${processId}/task`;
    const runNs = readdirSync(folder).map((thread) => runNsOf(`${folder}/${thread}/schedstat`));
    return runNs.reduce((sum, threadNs) => sum + threadNs, 0) / 1e9;
  } catch {
    return 0;
  }
}

/** The scheduler's own count, in nanoseconds; a thread that has just ended has none. */
function runNsOf(path: string): number {
  try {
    return Number(readFileSync(path, "utf8").split(" ", 1)[0]);
  } catch {
    return 0;
  }
}

/** All that all processes and the kernel have used since the machine started, in CPU seconds. */
function busySeconds(): number {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, soft = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + interrupts + soft) / TICKS_A_SECOND;
}

export interface Usage {
  seconds: number;
  /** CPU seconds of each process, by the name it was given. */
  processes: { [name: string]: number };
  /** Share of all CPUs that processes other than these used, 0 to 1. */
  othersShare: number;
}

/** Starts a measurement; the function it returns ends it. */
export function measureUsage(processes: { [name: string]: number }): () => Usage {
  const read = () => Object.values(processes).map(processSeconds);
  const startMs = performance.now();
  const busyBefore = busySeconds();
  const before = read();
  return () => {
    const after = read();
    const busy = busySeconds() - busyBefore;
    const seconds = (performance.now() - startMs) / 1000;
    const used = after.map((value, at) => Math.max(0, value - (before[at] ?? 0)));
    const own = used.reduce((sum, value) => sum + value, 0);
    const names = Object.keys(processes);
    return {
      seconds,
      processes: Object.fromEntries(names.map((name, at) => [name, used[at] ?? 0])),
      othersShare: Math.max(0, busy - own) / (seconds * cpus().length),
    };
  };
}
