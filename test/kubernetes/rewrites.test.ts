import { afterEach, beforeAll, expect, it } from "vitest";
import { REWRITES_CRD, REWRITES_GROUP } from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { type Followed, following } from "./followed.ts";

const follow = following(afterEach);

const targets = (...models: string[]) => models.map((modelRewrite) => ({ modelRewrite }));
const matches = (value: string) => [{ model: { value } }];

describeOnCluster("rewrites in a cluster", (cluster) => {
  beforeAll(async () => {
    await cluster().install(REWRITES_CRD);
    await cluster().install(REWRITES_CRD, REWRITES_GROUP);
  });

  async function started() {
    const namespace = await cluster().namespace();
    const { kubeconfig } = await namespace.serviceAccount();
    await namespace.createPool("qwen", [8000]);
    const followed = follow(kubeconfig, { namespaces: [namespace.name] });
    await followed.until({ qwen: [] });
    return { namespace, followed };
  }

  /** As `models>targets`, in order. */
  const told = ({ rules }: Followed) =>
    rules.map((rule) => {
      const names = rule.targets.map(({ model, weight }) => `${model}:${weight}`);
      return `${rule.pool}/${rule.models.join()}>${names.join()}`;
    });

  const untilTold = (followed: Followed, ...rules: string[]) =>
    until(`${rules}`, () => String(told(followed)) === String(rules)).catch((error) => {
      throw new Error(`${error.message}; told ${told(followed)}; ${followed.failures.at(-1)}`);
    });

  it("a rewrite is created, changed and deleted", async () => {
    const { namespace, followed } = await started();
    const weighed = [
      { modelRewrite: "a", weight: 9 },
      { modelRewrite: "b", weight: 1 },
    ];
    await namespace.createRewrite("one", "qwen", [
      { matches: [...matches("x"), ...matches("y")], targets: weighed },
      { targets: targets("rest") },
    ]);
    await untilTold(followed, "qwen/x,y>a:9,b:1", "qwen/>rest:1");
    await namespace.api.send("PATCH", namespace.rewritePath("one"), {
      spec: { poolRef: { name: "other" }, rules: [{ matches: matches("x"), targets: weighed }] },
    });
    await untilTold(followed, "other/x>a:9,b:1");
    await namespace.api.send("DELETE", namespace.rewritePath("one"));
    await untilTold(followed);
  });

  it("the older object's rules come first, whatever their names", async () => {
    const { namespace, followed } = await started();
    await namespace.createRewrite("z", "qwen", [{ targets: targets("first") }]);
    // Creation is told in whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await namespace.createRewrite("a", "qwen", [{ targets: targets("second") }]);
    await untilTold(followed, "qwen/>first:1", "qwen/>second:1");
  });

  it("what is wrong is told by an Event with field, value and remedy; the last good rules stay", async () => {
    const { namespace, followed } = await started();
    await namespace.createRewrite("one", "qwen", [{ targets: targets("good") }]);
    await untilTold(followed, "qwen/>good:1");
    const wrong = [{ modelRewrite: "a", weight: 1 }, { modelRewrite: "b" }];
    const change = (rules: object[]) =>
      namespace.api.send("PATCH", namespace.rewritePath("one"), { spec: { rules } });
    await change([{ targets: wrong }]);
    await until("the Event", async () => (await namespace.events("one")).length > 0);
    const [event] = await namespace.events("one");
    expect(event).toBe(
      `Warning Refused InferenceModelRewrite ${namespace.name}/one: ` +
        "spec.rules[0].targets[1].weight is absent: give it to each of the rule's targets, or to none.",
    );
    expect(followed.failures).toHaveLength(1);
    expect(told(followed)).toEqual(["qwen/>good:1"]);
    await change([{ targets: targets("better") }]);
    await untilTold(followed, "qwen/>better:1");
    expect(followed.refusals.size).toBe(0);
  });

  it("of two objects of one name in both groups, llm-d's counts", async () => {
    const { namespace, followed } = await started();
    await namespace.createRewrite("one", "qwen", [{ targets: targets("old") }]);
    await untilTold(followed, "qwen/>old:1");
    const newer = [{ targets: targets("new") }];
    await namespace.createRewrite("one", "qwen", newer, REWRITES_GROUP);
    await untilTold(followed, "qwen/>new:1");
    await namespace.api.send("DELETE", namespace.rewritePath("one", REWRITES_GROUP));
    await untilTold(followed, "qwen/>old:1");
  });
});
