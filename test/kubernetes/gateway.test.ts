import { afterEach, expect, it } from "vitest";
import { startClusterGateway } from "../support/kubernetes/cluster-gateway.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

describeOnCluster("a gateway of a cluster", (cluster) => {
  it("routes to the Pods of a pool, and a changed ConfigMap reaches each of its workers", async () => {
    const gateway = await startClusterGateway(cluster(), (part) => running.push(part));
    const allExplain = (explain: boolean) =>
      until(`every worker to ${explain ? "" : "not "}explain`, async () =>
        (await gateway.ask()).every(({ explanation }) => (explanation !== null) === explain),
      );
    await allExplain(true);
    const addresses = gateway.simulators.map(({ address }) => address);
    for (const { status, endpoint } of await gateway.ask()) {
      expect(status).toBe(200);
      expect(addresses).toContain(endpoint);
    }
    const changedAtMs = performance.now();
    await gateway.setSettings("explain: false");
    await allExplain(false);
    console.log(`every worker heard ${Math.round(performance.now() - changedAtMs)} ms after`);
  });
});
