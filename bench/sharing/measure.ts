// The whole measurement: one control plane, two gateways and one that can be made to trap.

import { freePorts } from "../../start/ports.ts";
import { type Envoy, startControlPlane, startEnvoy } from "../../test/support/components.ts";
import { connectToWorkers } from "../../test/support/worker-connections.ts";
import { InstantServer, metricsPage } from "../parts/instant-server.ts";
import { ownFilter } from "../speed/gateways.ts";
import { arrivalTimes, WatchedMetric } from "./hints-arrival.ts";
import { BLOCK_BYTES, learningTimes } from "./learning.ts";
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
}

const ENDPOINTS = 4;
const WORKERS = 2;
/** Looks follow each other at once, each about half a millisecond. */
const WORKER_LOOKS = { looks: 100, pauseMs: 0 };
const GATEWAY_LOOKS = { looks: 150, pauseMs: 2 };

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
      keep(await startEnvoy({ controlPlane, workers: WORKERS, filterPath: path }));
    const [first, second] = [await start(filterPath), await start(filterPath)];
    const workers = await connectToWorkers(first, WORKERS);
    const others = await connectToWorkers(second, WORKERS);
    const turned = (trial: number) => ({ from: trial % WORKERS, to: (trial + 1) % WORKERS });

    say(`${plan.picks} picks, looked for in the other worker`);
    const workersMs = await learningTimes({ trials: plan.picks, ...WORKER_LOOKS }, (trial) => {
      const { from, to } = turned(trial);
      return { from: workers[from]!, to: workers[to]! };
    });
    say(`${plan.picks} picks, looked for in the other gateway`);
    const gatewaysMs = await learningTimes({ trials: plan.picks, ...GATEWAY_LOOKS }, (trial) => {
      const { from, to } = turned(trial);
      return { from: workers[from]!, to: others[to]! };
    });
    say(`${plan.changes} changes of a metric`);
    const hintsMs = await arrivalTimes(plan.changes, metric, endpoint, workers);
    say(`${plan.deaths} restarts of the control plane`);
    const restarts: RestartTimes[] = [];
    for (let death = 0; death < plan.deaths; death++) {
      restarts.push(await restartControlPlane(controlPlane, metric, endpoint, workers));
    }
    for (const connection of [...workers, ...others]) connection.close();
    const traps: TrapTimes[] = [];
    if (plan.deaths > 0) {
      say(`${plan.deaths} traps`);
      const trapping = await start(await ownFilter("trap"));
      for (let death = 0; death < plan.deaths; death++) traps.push(await trapOnce(trapping));
    }
    return { sharing: { workersMs, gatewaysMs, hintsMs, restarts, traps }, filterPath };
  } finally {
    for (const part of running.splice(0).reverse()) await part.stop();
  }
}

async function trapOnce(envoy: Envoy): Promise<TrapTimes> {
  const [trapped, other] = await connectToWorkers(envoy, WORKERS);
  const [looking, spare] = await connectToWorkers(envoy, WORKERS);
  const times = await trapWorker(trapped!, looking!, other!);
  for (const connection of [trapped, other, looking, spare]) connection?.close();
  return times;
}
