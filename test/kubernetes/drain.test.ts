import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { prose } from "../support/asking.ts";
import { type Envoy, startControlPlane, startEnvoy } from "../support/components.ts";
import { PodServers } from "../support/kubernetes/pod-servers.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { askForStream, StreamLoad } from "../support/stream-load.ts";
import { until } from "../support/until.ts";

const PODS = 6;
const TERMINATED = 3;
const CLIENTS = 16;
/** A stream of two seconds is at its middle, on average, when its Pod terminates. */
const EVENTS = 40;
const APART_MS = 125;
/** From the API server's answer until no worker picks it: the watch, one poll, the sibling worker. */
const HEARD_MS_MAX = 1_000;

const running: { stop(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

/** All clients send one prompt, so that the Pod that has it is the one to lose. */
const SHARED = prose("drain", 6_000);

async function isListed(envoy: Envoy, address: string): Promise<boolean> {
  const text = await (await fetch(`${envoy.adminUrl}/clusters`)).text();
  return text.includes(`::${address}:`);
}

describeOnCluster("a Pod that terminates", (cluster) => {
  it("is picked no more well before its endpoint leaves, and keeps its streams", async () => {
    const namespace = await cluster().namespace();
    const servers = await PodServers.start(EVENTS);
    running.push(servers);
    await namespace.createPool("pool", [servers.port], { app: "pod" });
    const pods = Array.from({ length: PODS }, (_, index) => `127.3.0.${index + 1}`);
    for (const pod of pods) {
      await namespace.createPod(nameOf(pod), pod, { labels: { app: "pod" } });
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

    const load = new StreamLoad(envoy.url, CLIENTS, {
      prompt: () => SHARED,
      apartMs: APART_MS,
    });
    await sleep(CLIENTS * APART_MS + 1_000);
    const rows: { lastMs: number; before: number; kept: number }[] = [];
    for (let round = 0; round < TERMINATED; round++) {
      const busiest = busiestOf(pods, servers);
      const before = servers.streams.get(busiest)!;
      await namespace.terminatePod(nameOf(busiest));
      const terminatedMs = performance.now();
      await sleep(HEARD_MS_MAX);
      const kept = servers.streams.get(busiest)!;
      // Whatever was running then is at its end; what comes after would be a pick.
      await until("its streams to end", () => servers.streams.get(busiest) === 0);
      await sleep(1_000);
      rows.push({ lastMs: servers.lastMs.get(busiest)! - terminatedMs, before, kept });
      expect(await isListed(envoy, `${busiest}:${servers.port}`)).toBe(true);
    }
    const { failures, served } = await load.end();
    for (const { lastMs, before, kept } of rows) {
      const streams = `${before} streams ran on it, ${kept} did a second after`;
      console.log(`last pick ${Math.round(lastMs)} ms after a Pod began to terminate; ${streams}`);
    }
    console.log(`${served} streams served, ${failures.length} failed`);
    expect(failures).toEqual([]);
    expect(rows.filter(({ lastMs }) => lastMs > HEARD_MS_MAX)).toEqual([]);
    expect(rows.filter(({ kept }) => kept === 0)).toEqual([]);
  });
});

/** Clients send one prompt, so it is the one that has it, too. */
function busiestOf(pods: string[], { streams }: PodServers): string {
  const count = (pod: string) => streams.get(pod) ?? 0;
  return pods.reduce((a, b) => (count(a) >= count(b) ? a : b));
}

function nameOf(address: string): string {
  return `pod-${address.replaceAll(".", "-")}`;
}
