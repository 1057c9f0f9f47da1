import { afterEach, expect, it } from "vitest";
import { startControlPlane, startEnvoy, startSimulators } from "../support/components.ts";
import { CONFIG_MAP } from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { connectToWorkers } from "../support/worker-connections.ts";

const WORKERS = 2;

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

describeOnCluster("a gateway of a cluster", (cluster) => {
  it("routes to the Pods of a pool, and a changed ConfigMap reaches each of its workers", async () => {
    const namespace = await cluster().namespace();
    const simulators = await startSimulators(2, ["--speed", "50"]);
    running.push(...simulators);
    const ports = simulators.map(({ port }) => port);
    await namespace.createPool("pool", ports, { app: "server" });
    await namespace.createPod("server", "127.0.0.1", { labels: { app: "server" } });
    await namespace.setConfigMap(CONFIG_MAP, { "settings.yaml": "explain: true" });
    const { kubeconfig } = await namespace.serviceAccount();
    const flags = ["--kubernetes", "--kubeconfig", kubeconfig, "--config-map", CONFIG_MAP];
    const controlPlane = await startControlPlane({ explain: false, flags });
    running.push(controlPlane);
    const envoy = await startEnvoy({ controlPlane, workers: WORKERS });
    running.push(envoy);
    const workers = await connectToWorkers(envoy, WORKERS);
    const asked = () => Promise.all(workers.map((worker) => worker.ask("hello")));
    const allExplain = (explain: boolean) =>
      until(`every worker to ${explain ? "" : "not "}explain`, async () =>
        (await asked()).every(({ explanation }) => (explanation !== null) === explain),
      );
    await allExplain(true);
    const addresses = simulators.map(({ address }) => address);
    for (const { status, endpoint } of await asked()) {
      expect(status).toBe(200);
      expect(addresses).toContain(endpoint);
    }
    const changedAtMs = performance.now();
    await namespace.setConfigMap(CONFIG_MAP, { "settings.yaml": "explain: false" });
    await allExplain(false);
    console.log(`every worker heard ${Math.round(performance.now() - changedAtMs)} ms after`);
    for (const worker of workers) worker.close();
  });
});
