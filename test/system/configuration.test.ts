import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ask, chat, type Message, prose } from "../support/asking.ts";
import {
  type Component,
  startControlPlane,
  startEnvoy,
  startSimulators,
  startWholeGateway,
  temporaryFolder,
} from "../support/components.ts";
import { until } from "../support/until.ts";

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function prompt(seed: string | number): Message[] {
  return [{ role: "user", content: prose(seed, 3_000) }];
}

function configuration(...scorers: string[]): string {
  const plugins = scorers.map((type) => ({ type }));
  return JSON.stringify({
    apiVersion: "llm-d.ai/v1alpha1",
    kind: "EndpointPickerConfig",
    plugins,
    schedulingProfiles: [
      { name: "default", plugins: scorers.map((pluginRef) => ({ pluginRef, weight: 2 })) },
    ],
  });
}

/** What the explanations of some requests, of all workers very likely, name as scorers. */
async function scorersInForce(url: string): Promise<string[]> {
  const asked = Array.from({ length: 8 }, (_, at) => ask(url, chat(prompt(at))));
  const named = (await Promise.all(asked)).map(({ explanation }) =>
    Object.keys(explanation?.candidates[0]?.scorers ?? {}).join(" "),
  );
  return [...new Set(named)];
}

describe("a configuration file", () => {
  test("that changes takes effect with no restart, and a broken one is refused", async () => {
    const file = join(temporaryFolder(), "config.yaml");
    writeFileSync(file, configuration("token-cost-scorer"));
    const gateway = await startWholeGateway({
      config: [file],
      simulatorFlags: ["--speed", "50"],
    });
    running.push(gateway);
    expect(await scorersInForce(gateway.url)).toEqual(["token-cost-scorer"]);

    writeFileSync(file, configuration("prefix-cache-scorer", "queue-scorer"));
    const changed = ["prefix-cache-scorer queue-scorer", "queue-scorer prefix-cache-scorer"];
    await until("all workers to score as the file says", async () => {
      const named = await scorersInForce(gateway.url);
      return named.length === 1 && changed.includes(named[0] ?? "");
    });

    writeFileSync(file, configuration("prefix-cash-scorer"));
    const refusal = await until("the refusal to be visible", async () => {
      const response = await fetch(`${gateway.controlPlane.url}/status?format=json`);
      return (await response.json()).configuration.lastRefusal;
    });
    expect(refusal.message).toContain("prefix-cash-scorer");
    const kept = await scorersInForce(gateway.url);
    expect(kept.length).toBe(1);
    expect(changed).toContain(kept[0]);
  });
});

describe("a pool file", () => {
  function poolOf(simulators: Component[]): string {
    const endpoints = simulators.map(({ port }) => ({
      name: `simulator-${port}`,
      address: "127.0.0.1",
      port: String(port),
    }));
    return JSON.stringify({ endpoints });
  }

  async function endpointsPicked(url: string): Promise<Set<string>> {
    const asked = Array.from({ length: 24 }, () => ask(url, chat(prompt(Math.random()))));
    return new Set((await Promise.all(asked)).map(({ endpoint }) => endpoint));
  }

  test("gives picks to endpoints that are added, and none to one that is removed", async () => {
    const simulators = await startSimulators(3, ["--speed", "1"]);
    running.push(...simulators);
    const file = join(temporaryFolder(), "pool.yaml");
    writeFileSync(file, poolOf(simulators.slice(0, 2)));
    const controlPlane = await startControlPlane({ pool: [file] });
    running.push(controlPlane);
    const envoy = await startEnvoy({ controlPlane });
    running.push(envoy);
    const added = simulators[2]?.address ?? "";
    await until("both endpoints to be picked", async () => {
      return (await endpointsPicked(envoy.url)).has(simulators[1]?.address ?? "");
    });

    writeFileSync(file, poolOf(simulators));
    await until("the added endpoint to be picked", async () =>
      (await endpointsPicked(envoy.url)).has(added),
    );

    const stream = streamFrom(envoy.url);
    const { endpoint, isOver } = await stream.begun;
    writeFileSync(file, poolOf(simulators.filter(({ address }) => address !== endpoint)));
    await until("the removed endpoint to be out of picks", async () => {
      const picked = await endpointsPicked(envoy.url);
      return picked.size === 2 && !picked.has(endpoint);
    });
    expect(isOver()).toBe(false);
    expect(await stream.text).toMatch(/data: \[DONE\]\s*$/);
    for (let i = 0; i < 3; i++) {
      expect(await endpointsPicked(envoy.url)).not.toContain(endpoint);
    }
  });
});

/** A stream that lasts for seconds: where it comes from, once begun, and its text at the end. */
function streamFrom(url: string) {
  const { body } = chat(prompt("draining"), 600, true);
  const response = fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-hintway-explain": "1" },
    body: JSON.stringify(body),
  });
  let over = false;
  const text = response
    .then((answer) => answer.text())
    .finally(() => {
      over = true;
    });
  const begun = response.then(({ headers }) => ({
    endpoint: headers.get("x-hintway-endpoint") ?? "",
    isOver: () => over,
  }));
  return { begun, text };
}
