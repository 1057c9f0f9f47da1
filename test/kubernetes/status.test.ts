import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { type Namespace, OLD_POOL_GROUP, ROLE } from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { type FollowedOptions, following } from "./followed.ts";

const follow = following(afterEach);

describeOnCluster("conditions of pools", (cluster) => {
  async function started() {
    const namespace = await cluster().namespace();
    const { kubeconfig } = await namespace.serviceAccount();
    const parents = [{ name: "gateway", namespace: namespace.name }];
    const start = (options: FollowedOptions = {}) =>
      follow(kubeconfig, { namespaces: [namespace.name], parents, ...options });
    return { namespace, start };
  }

  const parentsOf = async (namespace: Namespace, name: string) =>
    (await namespace.api.send("GET", namespace.poolPath(name))).status?.parents ?? [];

  it("a served pool is accepted, its references resolved, for each parent", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000]);
    const parents = ["a", "b"].map((name) => ({ name, namespace: namespace.name }));
    const followed = start({ parents });
    await until("both entries", async () => (await parentsOf(namespace, "qwen")).length === 2);
    for (const [index, entry] of (await parentsOf(namespace, "qwen")).entries()) {
      expect(entry).toMatchObject({
        controllerName: "hintway/test",
        parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", ...parents[index] },
        conditions: [
          { type: "Accepted", status: "True", reason: "Accepted", observedGeneration: 1 },
          { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", observedGeneration: 1 },
        ],
      });
    }
    expect(followed.failures).toEqual([]);
  });

  it("others' entries stay as they are, also when they change", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000]);
    const foreign = (message: string) => ({
      controllerName: "example.com/other",
      parentRef: { name: "gateway", namespace: namespace.name },
      conditions: [{ ...CONDITION, message }],
    });
    const setStatus = async (parents: object[]) => {
      const path = `${namespace.poolPath("qwen")}/status`;
      await namespace.api.send("PATCH", path, { status: { parents } });
    };
    await setStatus([foreign("first")]);
    start();
    const entries = () => parentsOf(namespace, "qwen");
    await until("the own entry", async () => (await entries()).length === 2);
    expect((await entries())[0]).toMatchObject(foreign("first"));
    // Another controller writes the list whole, and forgets ours.
    await setStatus([foreign("second")]);
    await until("the own entry again", async () => (await entries()).length === 2);
    expect((await entries())[0]).toMatchObject(foreign("second"));
    expect((await entries())[1].controllerName).toBe("hintway/test");
  });

  it("an entry for a parent that is no longer named goes, and times stay when nothing turns", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000]);
    const parent = (name: string) => ({ name, namespace: namespace.name });
    const entries = () => parentsOf(namespace, "qwen");
    const both = start({ parents: [parent("a"), parent("b")] });
    await until("both entries", async () => (await entries()).length === 2);
    const [, before] = await entries();
    await both.stop();
    await sleep(1_100);
    start({ parents: [parent("b")] });
    await until("one entry", async () => (await entries()).length === 1);
    expect(await entries()).toEqual([before]);
  });

  it("is written once, and left alone from then on", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000]);
    start();
    await until("the entry", async () => (await parentsOf(namespace, "qwen")).length === 1);
    const version = async () =>
      (await namespace.api.send("GET", namespace.poolPath("qwen"))).metadata.resourceVersion;
    const before = await version();
    await namespace.createPod("a", "127.0.0.2", { labels: { app: "qwen" } });
    await sleep(1_000);
    expect(await version()).toBe(before);
  });

  it("is written as soon as it may be, and then nothing is refused any more", async () => {
    const namespace = await cluster().namespace();
    const rules = ROLE.filter(({ resources }) => !resources.includes("inferencepools/status"));
    const account = await namespace.serviceAccount(rules);
    await namespace.createPool("qwen", [8000]);
    const parents = [{ name: "gateway", namespace: namespace.name }];
    const followed = follow(account.kubeconfig, { namespaces: [namespace.name], parents });
    await until("the refusal", () => followed.refusals.has("status"));
    await account.grant(ROLE);
    await until("the entry", async () => (await parentsOf(namespace, "qwen")).length === 1);
    await until("it to be over", () => !followed.refusals.has("status"));
  });

  it("a pool of the older group loses its placeholder for the entry", async () => {
    const { namespace, start } = await started();
    await namespace.createOldPool("old", 8000);
    const path = namespace.poolPath("old", OLD_POOL_GROUP);
    const entries = async () => (await namespace.api.send("GET", path)).status.parent;
    start();
    await until("the entry", async () => (await entries())[0]?.parentRef.name === "gateway");
    const conditions = [{ type: "Accepted", status: "True" }, { type: "ResolvedRefs" }];
    expect(await entries()).toMatchObject([{ conditions }]);
  });

  it("a pool beyond the limit is told that it is not served, and why", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("first", [8000]);
    await sleep(1_000);
    await namespace.createPool("a-second", [8000]);
    start({ poolsMax: 1 });
    const entries = () => parentsOf(namespace, "a-second");
    await until("the entry", async () => (await entries()).length === 1);
    expect((await entries())[0].conditions[0]).toMatchObject({
      ...{ type: "Accepted", status: "False", reason: "NotSupportedByParent" },
      message: expect.stringContaining("--inference-pools"),
    });
  });
});

const CONDITION = {
  ...{ type: "Accepted", status: "True", reason: "Accepted" },
  lastTransitionTime: "2020-01-01T00:00:00Z",
};
