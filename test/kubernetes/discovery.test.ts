import { afterEach, expect, it } from "vitest";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { following } from "./followed.ts";

const follow = following(afterEach);

describeOnCluster("pools in a cluster", (cluster) => {
  async function started(poolNames: string[] | null = null) {
    const namespace = await cluster().namespace();
    const account = await namespace.serviceAccount();
    const scope = { namespaces: [namespace.name], poolNames };
    return { namespace, account, start: () => follow(account.kubeconfig, scope) };
  }

  it("a pool's endpoints are its ready Pods, one for each target port", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000, 8001]);
    await namespace.createPod("qwen-0", "127.0.0.2", { labels: { app: "qwen", rank: "a" } });
    await namespace.createPod("other-0", "127.0.0.3", { labels: { app: "other" } });
    await namespace.createPod("qwen-1", "127.0.0.4", { labels: { app: "qwen" }, isReady: false });
    const followed = start();
    await followed.until({ qwen: ["127.0.0.2:8000", "127.0.0.2:8001"] });
    expect(followed.told[0]?.endpoints).toMatchObject([
      { name: "qwen-0-rank-0", namespace: namespace.name, labels: { app: "qwen", rank: "a" } },
      { name: "qwen-0-rank-1" },
    ]);
  });

  it("endpoints follow Pods that get ready, lose it, change labels and address", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000]);
    const followed = start();
    await followed.until({ qwen: [] });
    await namespace.createPod("a", "127.0.0.2", { labels: { app: "qwen" } });
    await followed.until({ qwen: ["127.0.0.2:8000"] });
    await namespace.setStatus("a", "127.0.0.2", false);
    await followed.until({ qwen: [] });
    await namespace.setStatus("a", "127.0.0.5", true);
    await followed.until({ qwen: ["127.0.0.5:8000"] });
    await namespace.api.send("PATCH", namespace.podPath("a"), {
      metadata: { labels: { app: "else" } },
    });
    await followed.until({ qwen: [] });
  });

  it("a Pod that terminates is no endpoint, well before it is gone", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000]);
    await namespace.createPod("a", "127.0.0.2", { labels: { app: "qwen" } });
    await namespace.createPod("b", "127.0.0.3", { labels: { app: "qwen" } });
    const followed = start();
    await followed.until({ qwen: ["127.0.0.2:8000", "127.0.0.3:8000"] });
    await namespace.terminatePod("a");
    await followed.until({ qwen: ["127.0.0.3:8000"] });
    const { metadata } = await namespace.api.send("GET", namespace.podPath("a"));
    expect(metadata.deletionTimestamp).toBeDefined();
    await namespace.removePod("b");
    await followed.until({ qwen: [] });
  });

  it("the annotation of active ports leaves the other ports out, under both of its names", async () => {
    const { namespace, start } = await started();
    await namespace.createPool("qwen", [8000, 8001, 8002]);
    const ports = "8001, 8002,9999,x";
    const annotated = (name: string) => ({
      labels: { app: "qwen" },
      annotations: { [`${name}/active-ports`]: ports },
    });
    await namespace.createPod("a", "127.0.0.2", annotated("llm-d.ai"));
    await namespace.createPod("b", "127.0.0.3", annotated("inference.networking.k8s.io"));
    const followed = start();
    await followed.until({
      qwen: ["127.0.0.2:8001", "127.0.0.2:8002", "127.0.0.3:8001", "127.0.0.3:8002"],
    });
    expect(followed.told[0]?.endpoints.map(({ name }) => name).sort()).toEqual([
      "a-rank-1",
      "a-rank-2",
      "b-rank-1",
      "b-rank-2",
    ]);
  });

  it("pools are created, changed and deleted, of both groups; of one name the newer group counts", async () => {
    const { namespace, start } = await started();
    await namespace.createPod("a", "127.0.0.2", { labels: { app: "qwen" } });
    await namespace.createOldPool("qwen", 7000);
    const followed = start();
    await followed.until({ qwen: ["127.0.0.2:7000"] });
    await namespace.createPool("qwen", [8000]);
    await followed.until({ qwen: ["127.0.0.2:8000"] });
    await namespace.api.send("PATCH", namespace.poolPath("qwen"), {
      spec: { targetPorts: [{ number: 8000 }, { number: 8005 }] },
    });
    await followed.until({ qwen: ["127.0.0.2:8000", "127.0.0.2:8005"] });
    await namespace.api.send("DELETE", namespace.poolPath("qwen"));
    await followed.until({ qwen: ["127.0.0.2:7000"] });
  });

  it("named pools are served and no others", async () => {
    const { namespace, start } = await started(["a", "c"]);
    for (const name of ["a", "b", "c"]) await namespace.createPool(name, [8000]);
    await start().until({ a: [], c: [] });
  });

  it("pools of several namespaces are told apart by it, and take Pods of their own only", async () => {
    const [one, other] = [await cluster().namespace(), await cluster().namespace()];
    for (const [number, namespace] of [one, other].entries()) {
      await namespace.createPool("qwen", [8000]);
      await namespace.createPod("a", `127.0.0.${number + 2}`, { labels: { app: "qwen" } });
    }
    const scope = { namespaces: [one.name, other.name], poolNames: null };
    await follow(cluster().api.kubeconfig, scope).until({
      [`${one.name}/qwen`]: ["127.0.0.2:8000"],
      [`${other.name}/qwen`]: ["127.0.0.3:8000"],
    });
  });
});
