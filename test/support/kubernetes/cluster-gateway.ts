// A gateway over two simulated model servers that a cluster tells of: pool, Pods and ConfigMap on a real
// API server, a control plane with the chart's own role, and a real Envoy.

import { startControlPlane, startEnvoy, startSimulators } from "../components.ts";
import type { Asked } from "../pinned-connection.ts";
import { connectToWorkers } from "../worker-connections.ts";
import { type Cluster, CONFIG_MAP } from "./cluster.ts";

const WORKERS = 2;

/** Each part that was started is given to `keep`, to be stopped in turn. */
export async function startClusterGateway(
  cluster: Cluster,
  keep: (part: { stop(): Promise<void> }) => void,
) {
  const namespace = await cluster.namespace();
  const simulators = await startSimulators(2, ["--speed", "50"]);
  simulators.forEach(keep);
  const ports = simulators.map(({ port }) => port);
  await namespace.createPool("pool", ports, { app: "server" });
  await namespace.createPod("server", "127.0.0.1", { labels: { app: "server" } });
  const setSettings = (text: string) =>
    namespace.setConfigMap(CONFIG_MAP, { "settings.yaml": text });
  await setSettings("explain: true");
  const { kubeconfig } = await namespace.serviceAccount();
  const flags = ["--kubernetes", "--kubeconfig", kubeconfig, "--config-map", CONFIG_MAP];
  const controlPlane = await startControlPlane({ explain: false, flags });
  keep(controlPlane);
  const envoy = await startEnvoy({ controlPlane, workers: WORKERS });
  keep(envoy);
  const workers = await connectToWorkers(envoy, WORKERS);
  keep({ stop: async () => workers.forEach((worker) => void worker.close()) });
  /** One answer of each worker, one after the other. */
  const ask = async (prompt = "hello") => {
    const answers: Asked[] = [];
    for (const worker of workers) answers.push(await worker.ask(prompt));
    return answers;
  };
  return { simulators, envoy, setSettings, ask };
}
