import { afterEach, expect, it } from "vitest";
import * as wire from "../../protocol/records.ts";
import { TestGateway } from "../control-plane/hints/gateway.ts";
import { type ControlPlane, startControlPlane, startSimulator } from "../support/components.ts";
import type { Namespace } from "../support/kubernetes/cluster.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

const PICKER = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
`;
const BAD_PICKER = `${PICKER}- type: queue-scoreer\n`;

describeOnCluster("the ConfigMap", (cluster) => {
  /** A control plane process with the chart's role, over one simulated model server. */
  async function started(data: Record<string, string> | null) {
    const namespace = await cluster().namespace();
    const simulator = await startSimulator();
    running.push(simulator);
    await namespace.createPool("qwen", [simulator.port]);
    await namespace.createPod("qwen-0", "127.0.0.1", { labels: { app: "qwen" } });
    if (data) await namespace.setConfigMap("hintway", data);
    const { kubeconfig } = await namespace.serviceAccount();
    const flags = ["--kubernetes", "--kubeconfig", kubeconfig, "--config-map", "hintway"];
    const controlPlane = await startControlPlane({ explain: false, flags });
    running.push(controlPlane);
    return { namespace, controlPlane };
  }

  it("puts picker and settings in force, at the start and when they change", async () => {
    const { namespace, controlPlane } = await started({ "settings.yaml": "staleMs: 4000" });
    await until("the setting", async () => (await told(controlPlane)).staleMs === 4000);
    await namespace.setConfigMap("hintway", {
      ...{ "settings.yaml": "staleMs: 5000\nexplain: true", "endpoint-picker.yaml": PICKER },
    });
    await until("the change", async () => {
      const { staleMs, flags } = await told(controlPlane);
      return staleMs === 5000 && flags === wire.SETTINGS_FLAG_EXPLAIN;
    });
    expect((await status(controlPlane)).configuration.profiles[0].steps).toContain("queue-scorer");
    await namespace.setConfigMap("hintway", {});
    await until("the defaults", async () => (await told(controlPlane)).staleMs === 3000);
    const { profiles } = (await status(controlPlane)).configuration;
    expect(profiles[0].steps).toContain("token-cost-scorer");
  });

  it("a bad change is refused with an Event that names key, value and remedy; the last good stays", async () => {
    const good = { "settings.yaml": "staleMs: 4000", "endpoint-picker.yaml": PICKER };
    const { namespace, controlPlane } = await started(good);
    await until("the setting", async () => (await told(controlPlane)).staleMs === 4000);
    await namespace.setConfigMap("hintway", {
      ...{ "settings.yaml": "staleMs: 4", "endpoint-picker.yaml": BAD_PICKER },
    });
    await untilEvent(
      namespace,
      "Warning Refused settings.yaml:1:1: staleMs is 4: must be a whole number from 100 to",
    );
    await untilEvent(
      namespace,
      'Warning Refused endpoint-picker.yaml:6:9: unknown plugin type "queue-scoreer". Known types:',
    );
    expect((await told(controlPlane)).staleMs).toBe(4000);
    const { configuration } = await status(controlPlane);
    expect(configuration.profiles[0].steps).toContain("queue-scorer");
    expect(configuration.lastRefusal.message).toBeDefined();
    await namespace.setConfigMap("hintway", good);
    await untilEvent(namespace, "Normal InForce settings.yaml is in force");
    await untilEvent(namespace, "Normal InForce endpoint-picker.yaml is in force");
    expect((await status(controlPlane)).configuration.lastRefusal).toBeNull();
  });

  it("of two keys, the good one is in force while the other is bad", async () => {
    const { namespace, controlPlane } = await started({ "settings.yaml": "staleMs: 4000" });
    await until("the setting", async () => (await told(controlPlane)).staleMs === 4000);
    await namespace.setConfigMap("hintway", {
      ...{ "settings.yaml": "staleMs: 6000", "endpoint-picker.yaml": BAD_PICKER },
    });
    await until("the good one", async () => (await told(controlPlane)).staleMs === 6000);
  });

  it("a key that is not known is refused by name", async () => {
    const { namespace } = await started({ "setings.yaml": "staleMs: 4000" });
    await untilEvent(namespace, 'Warning Refused ConfigMap hintway: unknown key "setings.yaml"');
  });

  it("one that is absent is told, and in force as soon as it is there", async () => {
    const { namespace, controlPlane } = await started(null);
    await until("the refusal", async () => {
      const { lastRefusal } = (await status(controlPlane)).configuration;
      return lastRefusal?.message.includes('There is no ConfigMap "hintway"');
    });
    await namespace.setConfigMap("hintway", { "settings.yaml": "staleMs: 4000" });
    await until("the setting", async () => (await told(controlPlane)).staleMs === 4000);
    expect((await status(controlPlane)).configuration.lastRefusal).toBeNull();
  });

  it("a control plane that starts while it is bad begins with what was in force last", async () => {
    const { namespace, controlPlane } = await started({ "settings.yaml": "staleMs: 4000" });
    await until("the setting", async () => (await told(controlPlane)).staleMs === 4000);
    await namespace.setConfigMap("hintway", { "settings.yaml": "staleMs: 4" });
    await untilEvent(namespace, "Warning Refused settings.yaml:1:1: staleMs is 4");
    await controlPlane.kill();
    await controlPlane.start();
    await until("the setting", async () => (await told(controlPlane)).staleMs === 4000);
  });
});

/** What a gateway that comes for the first time is told. */
async function told({ url, token }: ControlPlane): Promise<{ staleMs: number; flags: number }> {
  const headers = { authorization: `Bearer ${token}` };
  const gateway = new TestGateway(async (path, body) => {
    const answer = await fetch(`${url}${path}`, { method: "POST", headers, body });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  }, "test");
  const { bodies } = await gateway.pollUntil((hints) => hints.bodies.has(wire.SETTINGS));
  const settings = bodies.get(wire.SETTINGS)!;
  return {
    staleMs: settings.getUint32(wire.SETTINGS_STALE_MS, true),
    flags: settings.getUint32(wire.SETTINGS_FLAGS, true),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the page's shape is the control plane's.
async function status({ url }: ControlPlane): Promise<any> {
  const answer = await fetch(`${url}/status`, { headers: { accept: "application/json" } });
  return answer.json();
}

async function untilEvent(namespace: Namespace, beginning: string): Promise<void> {
  let told: string[] = [];
  await until(`the Event "${beginning}"`, async () => {
    told = await namespace.events("hintway");
    return told.some((event) => event.startsWith(beginning));
  }).catch((error) => {
    throw new Error(`${error.message}; told: ${told.join(" | ")}`);
  });
}
