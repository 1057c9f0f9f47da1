import { afterEach, expect, it } from "vitest";
import { startControlPlane, startEnvoy, startSimulators } from "../support/components.ts";
import { CONFIG_MAP } from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { connectToWorkers } from "../support/worker-connections.ts";

const WORKERS = 2;
/** Two seconds is what a change takes at most; many tests at a time make it longer. */
const CHANGE_MS = 10_000;

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

describeOnCluster("the mode in the ConfigMap", (cluster) => {
  it("is in force in each worker within two seconds, without a reload", async () => {
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
    await until("every worker to pick", async () =>
      (await asked()).every(({ explanation }) => explanation !== null),
    );
    const passedBy = async () => [...(await envoy.statistics("requests_passed_by"))][0]?.[1] ?? 0;
    const change = async (mode: string, isDone: () => Promise<boolean>) => {
      await namespace.setConfigMap(CONFIG_MAP, { "settings.yaml": `explain: true\nmode: ${mode}` });
      const beganMs = performance.now();
      await until(mode, isDone, CHANGE_MS);
      console.log(`${mode} in every worker ${Math.round(performance.now() - beganMs)} ms after`);
    };
    await change("off", async () =>
      (await asked()).every(({ explanation, status }) => status === 200 && explanation === null),
    );
    await until("what passed by to be counted", async () => (await passedBy()) >= WORKERS);
    // Round robin: of two requests that name nobody, each server has one.
    await change("shadow", async () =>
      (await asked()).every(({ explanation }) => explanation !== null),
    );
    const served = new Set<string>();
    for (let times = 0; times < 4; times++) {
      for (const { endpoint } of await asked()) served.add(endpoint);
    }
    expect(served.size).toBe(2);
    await change("active", async () => {
      const answers = [...(await asked()), ...(await asked()), ...(await asked())];
      return answers.every(({ endpoint, explanation }) => explanation && endpoint);
    });
    for (const worker of workers) worker.close();
  });
});
