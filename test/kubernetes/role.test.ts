import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, expect, it } from "vitest";
import { configInvalidValue } from "../../control-plane/errors.ts";
import { OBJECTIVES_CRD, REWRITES_CRD, ROLE, type Rule } from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { type Followed, following } from "./followed.ts";

const follow = following(afterEach);

/** One verb on one resource of one group, and the rules without it. */
interface Lesser {
  verb: string;
  resource: string;
  group: string;
  rules: Rule[];
}

const lesserRoles: Lesser[] = ROLE.flatMap((rule, index) =>
  rule.apiGroups.flatMap((group) =>
    rule.verbs.map((verb) => {
      const others = { ...rule, apiGroups: rule.apiGroups.filter((one) => one !== group) };
      const less = { ...rule, apiGroups: [group], verbs: rule.verbs.filter((one) => one !== verb) };
      const rest = [others, less].filter((one) => one.apiGroups.length * one.verbs.length > 0);
      const rules = ROLE.flatMap((one, at) => (at === index ? rest : [one]));
      return { verb, resource: rule.resources.join(), group, rules };
    }),
  ),
);

describeOnCluster("the chart's role", (cluster) => {
  // What is not installed is not watched.
  beforeAll(async () => {
    for (const file of [OBJECTIVES_CRD, REWRITES_CRD]) {
      await cluster().install(file);
      await cluster().install(file, "llm-d.ai");
    }
  });

  /** Everything that needs a verb happens: pools of both groups, a status, an Event. */
  async function followedWith(rules: Rule[]): Promise<Followed> {
    const namespace = await cluster().namespace();
    await namespace.createPool("new", [8000]);
    await namespace.createOldPool("old", 8000);
    await namespace.setConfigMap("hintway", { "settings.yaml": "wrong" });
    const { kubeconfig } = await namespace.serviceAccount(rules);
    const key = {
      name: "settings.yaml",
      take: () => {
        throw configInvalidValue("settings.yaml:1:1", "the file", "wrong", "must be right");
      },
      refused: () => {},
    };
    return follow(kubeconfig, {
      ...{ namespaces: [namespace.name], configMap: "hintway", keys: [key] },
      parents: [{ name: "gateway", namespace: namespace.name }],
    });
  }

  it.each(lesserRoles)(
    "without $verb of $resource in group $group the refusal names them",
    async ({ verb, resource, group, rules }) => {
      const followed = await followedWith(rules);
      await until("the refusal", () => followed.failures.length > 0);
      const refusal = followed.failures[0];
      expect(refusal).toContain(`cannot ${verb} resource "${resource}" in API group "${group}"`);
      expect(refusal).toContain("Grant that verb");
    },
  );

  it("with all of its verbs nothing is refused", async () => {
    const followed = await followedWith(ROLE);
    await followed.until({ new: [], old: [] });
    await sleep(1_000);
    expect(followed.failures).toEqual([]);
  });
});
