import { afterEach, expect, it } from "vitest";
import { ask, chat } from "../support/asking.ts";
import { startControlPlane, startEnvoy, startSimulator } from "../support/components.ts";
import {
  CONFIG_MAP,
  type Namespace,
  OBJECTIVES_CRD,
  OLD_POOL_GROUP,
} from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";
import { type Followed, following } from "./followed.ts";

const GROUP = "llm-d.ai";
/** Two seconds is what a change takes at most; many tests at a time make it longer. */
const CHANGE_MS = 10_000;

const follow = following(afterEach);
const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

/** Resolves when the pool's priorities by objective are told to be these. */
function untilTold(followed: Followed, pool: string, objectives: object): Promise<unknown> {
  const wanted = JSON.stringify(objectives);
  const told = () => followed.told.find(({ name }) => name === pool)?.objectives ?? null;
  return until(`${wanted} for ${pool}`, () => JSON.stringify(told()) === wanted, 10_000);
}

describeOnCluster("InferenceObjectives", (cluster) => {
  async function started(): Promise<{ namespace: Namespace; followed: Followed }> {
    const namespace = await cluster().namespace();
    await namespace.createPool("qwen", [8000]);
    await namespace.createPool("llama", [8000]);
    const { kubeconfig } = await namespace.serviceAccount();
    const times = { absentPauseMs: 200 };
    const followed = follow(kubeconfig, { namespaces: [namespace.name], times });
    return { namespace, followed };
  }

  it("are those of their pool, of the older group until the newer kind is installed", async () => {
    const { namespace, followed } = await started();
    await untilTold(followed, "qwen", {});
    await cluster().install(OBJECTIVES_CRD);
    await namespace.setObjective(OLD_POOL_GROUP, "batch", "qwen", -1);
    await namespace.setObjective(OLD_POOL_GROUP, "unset", "llama");
    await untilTold(followed, "qwen", { batch: -1 });
    await untilTold(followed, "llama", { unset: 0 });
    await cluster().install(OBJECTIVES_CRD, GROUP);
    await untilTold(followed, "qwen", {});
    await namespace.setObjective(GROUP, "batch", "qwen", -7);
    await untilTold(followed, "qwen", { batch: -7 });
    await namespace.setObjective(GROUP, "batch", "llama", 3);
    await untilTold(followed, "qwen", {});
    await untilTold(followed, "llama", { batch: 3 });
    await namespace.removeObjective(GROUP, "batch");
    await untilTold(followed, "llama", {});
    expect(followed.failures).toEqual([]);
  });

  it("turn requests away in a saturated pool, as soon as they say so", async () => {
    await cluster().install(OBJECTIVES_CRD, GROUP);
    const namespace = await cluster().namespace();
    const simulator = await startSimulator(["--speed", "1"]);
    running.push(simulator);
    await namespace.createPool("pool", [simulator.port], { app: "server" });
    await namespace.createPod("server", "127.0.0.1", { labels: { app: "server" } });
    // One request in flight saturates the pool.
    await namespace.setConfigMap(CONFIG_MAP, { "endpoint-picker.yaml": PICKER });
    const { kubeconfig } = await namespace.serviceAccount();
    const flags = ["--kubernetes", "--kubeconfig", kubeconfig, "--config-map", CONFIG_MAP];
    const controlPlane = await startControlPlane({ explain: true, flags });
    running.push(controlPlane);
    const envoy = await startEnvoy({ controlPlane });
    running.push(envoy);
    const askAs = (objective: string, tokens = 1, isStreamed = false) => {
      const headers = { "x-llm-d-inference-objective": objective };
      const asking = chat([{ role: "user", content: "hello" }], tokens, isStreamed);
      return ask(envoy.url, { ...asking, headers });
    };
    await until("a request to be picked", async () => (await askAs("batch")).endpoint !== "");
    // Streams until the end of the test.
    void askAs("none", 4_000, true);
    const untilStatus = (status: number) =>
      until(`status ${status}`, async () => (await askAs("batch")).status === status, CHANGE_MS);
    await untilStatus(200);
    await namespace.setObjective(GROUP, "batch", "pool", -1);
    await untilStatus(429);
    const { status, headers, text } = await askAs("batch");
    expect([status, headers["retry-after"]]).toEqual([429, "1"]);
    expect(headers["x-llm-d-request-dropped-reason"]).toBe("rejected-saturated");
    expect(JSON.parse(text).error.code).toBe("shed");
    expect((await askAs("other")).status).toBe(200);
    await namespace.setObjective(GROUP, "batch", "pool", 1);
    await untilStatus(200);
    const metrics = await until("the refusals to be told", async () => {
      const page = await (await fetch(`${controlPlane.url}/metrics`)).text();
      return page.includes('reason="shed"') ? page : undefined;
    });
    expect(metrics).toMatch(
      /^hintway_refused_total\{pool="pool",reason="shed",priority="-1"\} \d/m,
    );
  });
});

const PICKER = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- { type: token-cost-scorer }
- { type: concurrency-detector, parameters: { maxConcurrency: 1 } }
schedulingProfiles:
- { name: default, plugins: [{ pluginRef: token-cost-scorer }] }
saturationDetector: { pluginRef: concurrency-detector }
`;
