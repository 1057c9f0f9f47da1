import { afterEach, it } from "vitest";
import { startClusterGateway } from "../support/kubernetes/cluster-gateway.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";

const ROUNDS = 4;

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

describeOnCluster("the mode in the ConfigMap", (cluster) => {
  it("is in force in each worker, without a reload", async () => {
    const { envoy, setSettings, ask } = await startClusterGateway(cluster(), (part) =>
      running.push(part),
    );
    const isExplained = async () => (await ask()).every(({ explanation }) => explanation !== null);
    const isUnexplained = async () =>
      (await ask()).every(({ status, explanation }) => status === 200 && explanation === null);
    /** How many endpoints serve a prompt that nobody has seen, asked several times. */
    const served = async () => {
      const prompt = `${Math.random()} walks along the river. `.repeat(100);
      const endpoints = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        for (const { endpoint } of await ask(prompt)) endpoints.add(endpoint);
      }
      return endpoints.size;
    };
    const change = async (mode: string, isDone: () => Promise<boolean>) => {
      await setSettings(`explain: true\nmode: ${mode}`);
      const beganMs = performance.now();
      await until(mode, isDone);
      console.log(`${mode} in every worker ${Math.round(performance.now() - beganMs)} ms after`);
    };
    await until("every worker to pick", isExplained);
    await change("off", isUnexplained);
    const passedBy = async () => [...(await envoy.statistics("requests_passed_by"))][0]?.[1] ?? 0;
    await until("what passed by to be counted", async () => (await passedBy()) >= 2);
    // Round robin: of requests that name nobody, each server has some.
    await change("shadow", async () => (await isExplained()) && (await served()) === 2);
    await change("active", async () => (await isExplained()) && (await served()) === 1);
  });
});
