// The whole measurement: one control plane, two gateways and one that can be made to trap.

import { freePorts } from "../../start/ports.ts";
import { type Envoy, startControlPlane, startEnvoy } from "../../test/support/components.ts";
import type { PinnedConnection } from "../../test/support/pinned-connection.ts";
import { connectToWorkers } from "../../test/support/worker-connections.ts";
import { measureUsage } from "../measure/processor-time.ts";
import { InstantServer, metricsPage } from "../parts/instant-server.ts";
import { ownFilter } from "../speed/gateways.ts";
import { arrivalTimes, WatchedMetric } from "./hints-arrival.ts";
import { BLOCK_BYTES, learningTimes, tellingWhenPicked } from "./learning.ts";
import { type RestartTimes, restartControlPlane, type TrapTimes, trapWorker } from "./recovery.ts";

export interface SharingPlan {
  /** How often a pick is looked for elsewhere. */
  picks: number;
  /** How often a metric is changed. */
  changes: number;
  /** How often the control plane is killed, and a worker trapped. */
  deaths: number;
}

export interface Sharing {
  /** Milliseconds, one a trial. */
  workersMs: number[];
  gatewaysMs: number[];
  hintsMs: number[];
  restarts: RestartTimes[];
  traps: TrapTimes[];
  /** Share of all CPUs that was busy during each part: on a busy machine everything is later. */
  busyShares: { [part in Timed]: number };
}

type Timed = "workersMs" | "gatewaysMs" | "hintsMs" | "restarts" | "traps";

const ENDPOINTS = 4;
const WORKERS = 2;
/**
 * Over 30 ms and 300 ms: a look takes about half a millisecond, and so long a pause one more. The
 * fewer looks, the shorter the prompts, whose own way is part of what is measured.
 */
const WORKER_LOOKS = { looks: 16, pauseMs: 1 };
const GATEWAY_LOOKS = { looks: 60, pauseMs: 5 };

export async function measureSharing(
  plan: SharingPlan,
  say: (line: string) => void,
): Promise<{ sharing: Sharing; filterPath: string }> {
  const running: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(part: T): T => {
    running.push(part);
    return part;
  };
  try {
    const metric = new WatchedMetric();
    const endpoints = (await freePorts(ENDPOINTS)).map((port) => `127.0.0.1:${port}`);
    keep(
      await InstantServer.start({
        addresses: endpoints,
        metrics: (endpoint) => metricsPage({ waiting: endpoint === 0 ? metric.read() : 0 }),
      }),
    );
    const endpoint = endpoints[0] ?? "";
    const flags = ["--block-bytes", `${BLOCK_BYTES}`];
    const controlPlane = keep(await startControlPlane({ endpoints, flags }));
    const filterPath = await ownFilter();
    const start = async (path: string): Promise<Envoy> =>
      keep(
        await startEnvoy({
          ...{ controlPlane, workers: WORKERS, filterPath: path },
          alter: tellingWhenPicked,
        }),
      );
    const [first, second] = [await start(filterPath), await start(filterPath)];
    const workers = await connectToWorkers(first, WORKERS);
    const others = await connectToWorkers(second, WORKERS);
    const turned = (trial: number) => ({ from: trial % WORKERS, to: (trial + 1) % WORKERS });

    const busyShares: { [part in Timed]: number } = {
      ...{ workersMs: 0, gatewaysMs: 0, hintsMs: 0, restarts: 0, traps: 0 },
    };
    const during = async <T>(part: Timed, what: string, work: () => Promise<T>): Promise<T> => {
      say(what);
      const end = measureUsage({});
      const result = await work();
      busyShares[part] = end().othersShare;
      return result;
    };
    const { picks, changes, deaths } = plan;
    const learned = (looks: typeof WORKER_LOOKS, among: PinnedConnection[]) =>
      learningTimes({ trials: picks, ...looks }, (trial) => {
        const { from, to } = turned(trial);
        return { from: workers[from]!, to: among[to]! };
      });
    const workersMs = await during("workersMs", `${picks} picks seen in the other worker`, () =>
      learned(WORKER_LOOKS, workers),
    );
    const gatewaysMs = await during("gatewaysMs", `${picks} picks seen in the other gateway`, () =>
      learned(GATEWAY_LOOKS, others),
    );
    const hintsMs = await during("hintsMs", `${changes} changes of a metric`, () =>
      arrivalTimes(changes, metric, endpoint, workers),
    );
    const restarts = await during("restarts", `${deaths} restarts of the control plane`, () =>
      repeated(deaths, () => restartControlPlane(controlPlane, metric, endpoint, workers)),
    );
    for (const connection of [...workers, ...others]) connection.close();
    const trapping = deaths > 0 ? await start(await ownFilter("trap")) : first;
    const traps = await during("traps", `${deaths} traps`, () =>
      repeated(deaths, () => trapOnce(trapping)),
    );
    return { sharing: { workersMs, gatewaysMs, hintsMs, restarts, traps, busyShares }, filterPath };
  } finally {
    for (const part of running.splice(0).reverse()) await part.stop();
  }
}

/** One after the other. */
async function repeated<T>(times: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let time = 0; time < times; time++) results.push(await work());
  return results;
}

async function trapOnce(envoy: Envoy): Promise<TrapTimes> {
  const [trapped, other] = await connectToWorkers(envoy, WORKERS);
  const [looking, spare] = await connectToWorkers(envoy, WORKERS);
  const times = await trapWorker(trapped!, looking!, other!);
  for (const connection of [trapped, other, looking, spare]) connection?.close();
  return times;
}
