import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import {
  type ControlPlane,
  type Envoy,
  startControlPlane,
  startEnvoy,
  startSimulators,
  temporaryFolder,
} from "../support/components.ts";
import { settle, until } from "../support/until.ts";

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function prompt(seed: string): Message[] {
  return [{ role: "user", content: prose(seed, 6_000) }];
}

interface Stopped {
  controlPlane: ControlPlane;
  stateDir: string;
}

/** A control plane that ran before, with gateways or without, and does not run. */
async function stoppedControlPlane(hadGateway: boolean): Promise<Stopped> {
  const simulators = await startSimulators(2, ["--speed", "50"]);
  running.push(...simulators);
  const stateDir = temporaryFolder();
  const endpoints = simulators.map(({ address }) => address);
  const controlPlane = await startControlPlane({ endpoints, stateDir });
  running.push(controlPlane);
  if (hadGateway) {
    const earlier = await startEnvoy({ controlPlane });
    running.push(earlier);
    await until("the last known state to be written", () =>
      existsSync(join(stateDir, "last-known.json")),
    );
    await earlier.stop();
  }
  await controlPlane.stop();
  return { controlPlane, stateDir };
}

async function started(controlPlane: ControlPlane): Promise<Envoy> {
  const envoy = await startEnvoy({ controlPlane, workers: 2 });
  running.push(envoy);
  return envoy;
}

/** Asks until every worker picks with what the control plane says. */
async function untilFresh(envoy: Envoy): Promise<void> {
  await until("picks to be fresh", async () => {
    const asked = Array.from({ length: 8 }, () => ask(envoy.url, chat(prompt("fresh"))));
    const answers = await Promise.all(asked);
    return answers.every(({ status, explanation }) => {
      return status === 200 && explanation?.stage === "fresh";
    });
  });
}

describe("an Envoy that starts while the control plane is down", () => {
  test("serves and follows prefixes by the last known state, then by fresh hints", async () => {
    const { controlPlane } = await stoppedControlPlane(true);
    const envoy = await started(controlPlane);
    const first = await ask(envoy.url, chat(prompt("cold")));
    expect(first.status).toBe(200);
    expect(first.explanation?.stage).toBe("blind");
    await settle();
    for (let again = 0; again < 12; again++) {
      const answer = await ask(envoy.url, chat(prompt("cold")));
      expect(answer.status).toBe(200);
      expect(answer.headers["x-sim-server"]).toBe(first.endpoint);
      expect(candidateOf(answer, first.endpoint)?.matchedKeys).toBe(answer.explanation?.keys);
    }
    await controlPlane.start();
    await untilFresh(envoy);
    const after = await ask(envoy.url, chat(prompt("cold")));
    expect(candidateOf(after, first.endpoint)?.matchedKeys).toBe(after.explanation?.keys);
  });

  test("tells model servers nothing of how it came to them", async () => {
    const { controlPlane } = await stoppedControlPlane(true);
    const envoy = await started(controlPlane);
    const answer = await ask(envoy.url, chat(prompt("told")));
    const state = await (await fetch(`http://${answer.endpoint}/sim/state`)).json();
    expect(state.last.headers).not.toHaveProperty("x-gateway-destination-endpoint");
    expect(state.last.headers).not.toHaveProperty("x-hintway-cluster");
  });

  test("answers 503 in JSON where nothing is known, until the control plane is there", async () => {
    const { controlPlane, stateDir } = await stoppedControlPlane(false);
    expect(existsSync(join(stateDir, "last-known.json"))).toBe(false);
    const envoy = await started(controlPlane);
    const refused = await ask(envoy.url, chat(prompt("unknown")));
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.text).error.type).toBe("service_unavailable");
    await controlPlane.start();
    await untilFresh(envoy);
  });
});
