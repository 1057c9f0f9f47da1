// One connection to each worker of an Envoy. The system gives a connection to any worker; Envoy's
// statistics tell to which.

import type { Envoy } from "./components.ts";
import { PinnedConnection } from "./pinned-connection.ts";

const TRIES_MAX = 200;

/** In the order of the workers' numbers. */
export async function connectToWorkers(envoy: Envoy, workers: number): Promise<PinnedConnection[]> {
  const found = new Map<number, PinnedConnection>();
  for (let tries = 0; found.size < workers && tries < TRIES_MAX; tries++) {
    const before = await acceptedByWorker(envoy);
    const connection = new PinnedConnection(envoy.url);
    await connection.ask("hello");
    const after = await acceptedByWorker(envoy);
    const worker = after.findIndex((count, number) => count > (before[number] ?? 0));
    if (worker < 0 || found.has(worker)) connection.close();
    else found.set(worker, connection);
  }
  if (found.size < workers) throw new Error(`no connection reached some of ${workers} workers`);
  return [...found].sort(([a], [b]) => a - b).map(([, connection]) => connection);
}

/** Connections that each worker has accepted since Envoy's start. */
async function acceptedByWorker(envoy: Envoy): Promise<number[]> {
  const statistics = await envoy.statistics(
    `^listener\\..*_${envoy.port}\\.worker_[0-9]+\\.downstream_cx_total$`,
  );
  const counts: number[] = [];
  for (const [name, value] of statistics) {
    counts[Number(/worker_(\d+)/.exec(name)?.[1])] = value;
  }
  return counts;
}
