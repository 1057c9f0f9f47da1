import { afterEach, beforeAll, expect, it } from "vitest";
import {
  OBJECTIVES_CRD,
  OLD_POOL_GROUP,
  REWRITES_CRD,
  ROLE,
  type Rule,
} from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { type Followed, following } from "./followed.ts";

const follow = following(afterEach);
const TIMES = { timeoutMs: 1_000, graceMs: 500, pauseMsMax: 200 };

/** The chart's role as it was before these kinds were read. */
function without(...resources: string[]): Rule[] {
  return ROLE.filter((rule) => !rule.resources.some((one) => resources.includes(one)));
}

const objectivesOf = ({ told }: Followed) => JSON.stringify(told[0]?.objectives);

describeOnCluster("a role that allows less than the chart's", (cluster) => {
  beforeAll(async () => {
    await cluster().install(OBJECTIVES_CRD);
    await cluster().install(REWRITES_CRD);
  });

  async function started(rules: Rule[]) {
    const namespace = await cluster().namespace();
    const account = await namespace.serviceAccount(rules);
    await namespace.createPool("qwen", [8000]);
    await namespace.setObjective(OLD_POOL_GROUP, "batch", "qwen", -5);
    await namespace.createRewrite("one", "qwen", [{ targets: [{ modelRewrite: "tuned" }] }]);
    const followed = follow(account.kubeconfig, { namespaces: [namespace.name], times: TIMES });
    return { namespace, account, followed };
  }

  it("serves pools without rewrites and objectives, says so, and takes them when it is mended", async () => {
    const resources = ["inferencemodelrewrites", "inferenceobjectives"];
    const { account, followed } = await started(without(...resources));
    await followed.until({ qwen: [] });
    const refused = () => [...followed.refusals.values()].join();
    await until("all refusals", () => resources.every((one) => refused().includes(one)));
    expect(objectivesOf(followed)).toBe("{}");
    expect(followed.rules).toEqual([]);
    await account.grant(ROLE);
    await until("objectives", () => objectivesOf(followed) === '{"batch":-5}');
    await until("rules", () => followed.rules.length === 1);
    await until("the end of refusals", () => followed.refusals.size === 0);
  });

  it("that was more before leaves rewrites and objectives as they were, whatever changes", async () => {
    const { namespace, account, followed } = await started(ROLE);
    await until("objectives", () => objectivesOf(followed) === '{"batch":-5}');
    await account.grant(without("inferencemodelrewrites", "inferenceobjectives"));
    await until("the refusals", () => followed.refusals.size >= 2);
    await namespace.createPod("pod", "127.0.0.2", { labels: { app: "qwen" } });
    await followed.until({ qwen: ["127.0.0.2:8000"] });
    expect(objectivesOf(followed)).toBe('{"batch":-5}');
    expect(followed.rules).toHaveLength(1);
  });
});
