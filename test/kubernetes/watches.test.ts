import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { type Namespace, OLD_POOLS_CRD, POOLS_CRD, ROLE } from "../support/kubernetes/cluster.ts";
import { Link } from "../support/kubernetes/link.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { following } from "./followed.ts";

const follow = following(afterEach);

const links: Link[] = [];
afterEach(() => {
  for (const link of links.splice(0)) link.stop();
});

describeOnCluster(
  "a watch",
  (cluster) => {
    /** One pool with one Pod, followed over a link. */
    async function started() {
      const namespace = await cluster().namespace();
      const link = await Link.to(cluster().api.port);
      links.push(link);
      const account = await namespace.serviceAccount(ROLE, link.port);
      await namespace.createPool("qwen", [8000]);
      await addPod(namespace, 2);
      const times = { timeoutMs: 2_000, graceMs: 500, absentPauseMs: 300 };
      const followed = follow(account.kubeconfig, { namespaces: [namespace.name], times });
      await followed.until(podsTo(2));
      return { namespace, link, account, followed };
    }

    it("begins while the API server is away, and tells nothing before everything is listed", async () => {
      const namespace = await cluster().namespace();
      const link = await Link.to(cluster().api.port);
      links.push(link);
      link.isBlocked = true;
      const { kubeconfig } = await namespace.serviceAccount(ROLE, link.port);
      await namespace.createPool("qwen", [8000]);
      await addPod(namespace, 2);
      const followed = follow(kubeconfig, { namespaces: [namespace.name] });
      await until("the failure to be told", () => followed.failures.length > 0);
      expect(followed.pools).toBeNull();
      link.isBlocked = false;
      await followed.until(podsTo(2));
      await until("all of it to be over", () => followed.refusals.size === 0);
    });

    it("survives a restart of the API server, and what it told stays meanwhile", async () => {
      const { namespace, followed } = await started();
      await cluster().api.restart(async () => {
        await until("the failure to be told", () => followed.failures.length > 0);
        expect(followed.pools).toEqual(podsTo(2));
      });
      await addPod(namespace, 3);
      await followed.until(podsTo(3));
      expect(followed.recoveries).toBeGreaterThan(0);
    });

    it("lists anew when the server no longer knows what came after its last version", async () => {
      const { namespace, link, followed } = await started();
      const { metadata } = await cluster().api.send("GET", namespace.podPath());
      link.isBlocked = true;
      link.cut();
      await addPod(namespace, 3);
      await namespace.removePod("pod-2");
      await cluster().api.restart();
      expect(await answerToWatch(namespace, metadata.resourceVersion)).toContain("410");
      link.isBlocked = false;
      await followed.until({ qwen: ["127.0.0.3:8000"] });
    });

    it("begins anew when its connection is silent for longer than it should be", async () => {
      const { namespace, link, followed } = await started();
      link.hush();
      await addPod(namespace, 3);
      await followed.until(podsTo(3));
    });

    it("goes on after the server has ended it, again and again, without a word of failure", async () => {
      const { namespace, followed } = await started();
      for (const number of [3, 4, 5]) {
        await sleep(2_100);
        await addPod(namespace, number);
        await followed.until(podsTo(number));
      }
      expect(followed.failures).toEqual([]);
    });

    it("finds pools of a CRD that is installed later", async () => {
      const { namespace, followed } = await started();
      await cluster().install(OLD_POOLS_CRD);
      await namespace.createOldPool("old", 7000, { app: "qwen" });
      await followed.until({ ...podsTo(2), old: ["127.0.0.2:7000"] });
    });

    it("takes the token that is in its file when the one it has is no longer accepted", async () => {
      const { namespace, link, account, followed } = await started();
      const before = account.token;
      await account.renewToken();
      await until("its end", async () => !(await cluster().accepts(before)), 30_000);
      link.cut();
      await addPod(namespace, 3);
      await followed.until(podsTo(3));
    });
  },
  [POOLS_CRD],
);

function addPod(namespace: Namespace, number: number): Promise<void> {
  return namespace.createPod(`pod-${number}`, `127.0.0.${number}`, { labels: { app: "qwen" } });
}

/** The pool with the Pods 2 to `last`. */
function podsTo(last: number): Record<string, string[]> {
  const numbers = Array.from({ length: last - 1 }, (_, index) => index + 2);
  return { qwen: numbers.map((number) => `127.0.0.${number}:8000`) };
}

/** What the server itself says to a watch of Pods from that version. */
async function answerToWatch(namespace: Namespace, version: string): Promise<string> {
  const query = `watch=true&timeoutSeconds=1&resourceVersion=${version}`;
  const answer = namespace.api.send("GET", `${namespace.podPath()}?${query}`);
  return answer.then(JSON.stringify, (error: Error) => error.message);
}
