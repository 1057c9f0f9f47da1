import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { startControlPlane, startEnvoy } from "../support/components.ts";
import { isWhole } from "../support/kubernetes/assets.ts";
import type { Namespace } from "../support/kubernetes/cluster.ts";
import { PodServers } from "../support/kubernetes/pod-servers.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { askForStream, StreamLoad } from "../support/stream-load.ts";
import { until } from "../support/until.ts";

const PODS = 200;
const CHURN_MS = 120_000;
/** Between a Pod that goes, with another that comes, and the next. */
const PAUSE_MS = 500;
/** A Pod that terminates still serves for so long. */
const GRACE_MS = 5_000;
/** Well within it, every worker has heard. */
const HEARD_MS = 2_000;
const CLIENTS = 16;

const running: { stop(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

describeOnCluster("a pool of 200 Pods", (cluster) => {
  const title =
    "that come and go for two minutes fails no request, and sends none to a Pod that ends";
  it.runIf(isWhole)(`${title} (npm run test:kubernetes only)`, { timeout: 600_000 }, async () => {
    const namespace = await cluster().namespace();
    const servers = await PodServers.start();
    running.push(servers);
    await namespace.createPool("pool", [servers.port], { app: "pod" });
    const pods = new Pods(namespace, servers);
    for (let pod = 0; pod < PODS; pod += 10) {
      await Promise.all(Array.from({ length: 10 }, () => pods.add()));
    }
    const { kubeconfig } = await namespace.serviceAccount();
    const flags = ["--kubernetes", "--kubeconfig", kubeconfig];
    const controlPlane = await startControlPlane({ explain: false, flags });
    running.push(controlPlane);
    const envoy = await startEnvoy({ controlPlane });
    running.push(envoy);
    await until(
      "the gateway to serve",
      async () => (await askForStream(envoy.url)).failure === null,
    );

    const load = new StreamLoad(envoy.url, CLIENTS);
    const endAtMs = performance.now() + CHURN_MS;
    while (performance.now() < endAtMs) {
      await pods.replace();
      await sleep(PAUSE_MS);
    }
    const { failures, served } = await load.end();
    await pods.settled();
    expect(failures).toEqual([]);
    expect(served).toBeGreaterThan(1_000);
    expect(pods.ended).toBeGreaterThan(100);
    expect(pods.late).toEqual([]);
    console.log(`${served} requests served while ${pods.ended} Pods of ${PODS} were replaced`);
  });
});

/** The Pods of the pool, the oldest first. */
class Pods {
  readonly #namespace: Namespace;
  readonly #servers: PodServers;
  readonly #alive: { name: string; address: string }[] = [];
  readonly #ending: Promise<void>[] = [];
  #created = 0;
  ended = 0;
  /** Addresses that were sent requests long after their Pods began to terminate. */
  readonly late: string[] = [];

  constructor(namespace: Namespace, servers: PodServers) {
    this.#namespace = namespace;
    this.#servers = servers;
  }

  async add(): Promise<void> {
    const number = this.#created++;
    const name = `pod-${number}`;
    const address = `127.2.${number >> 8}.${number & 255}`;
    await this.#namespace.createPod(name, address, { labels: { app: "pod" } });
    this.#alive.push({ name, address });
  }

  async replace(): Promise<void> {
    const [pod] = this.#alive.splice(0, 1);
    await Promise.all([this.add(), pod && this.#namespace.terminatePod(pod.name)]);
    if (pod) this.#ending.push(this.#end(pod.name, pod.address));
  }

  async #end(name: string, address: string): Promise<void> {
    await sleep(HEARD_MS);
    const before = this.#servers.requests.get(address);
    await sleep(GRACE_MS - HEARD_MS);
    if (this.#servers.requests.get(address) !== before) this.late.push(address);
    this.#servers.end(address);
    await this.#namespace.removePod(name);
    this.ended++;
  }

  async settled(): Promise<void> {
    await Promise.all(this.#ending);
  }
}
