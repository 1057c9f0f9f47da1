import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { replaceFile } from "../../control-plane/replace-file.ts";
import { tokenSecret } from "../../envoy/secrets.ts";
import {
  type Component,
  type ControlPlane,
  type Envoy,
  startControlPlane,
  startEnvoy,
  startSimulators,
  temporaryFolder,
} from "../support/components.ts";
import { PinnedConnection } from "../support/pinned-connection.ts";
import { Traffic } from "../support/traffic.ts";
import { until } from "../support/until.ts";

describe("a token that is rotated under load", () => {
  const folder = temporaryFolder();
  const shown = join(folder, "token");
  const running: Component[] = [];
  let controlPlane: ControlPlane;
  let envoy: Envoy;

  beforeAll(async () => {
    const simulators = await startSimulators(2);
    running.push(...simulators);
    const endpoints = simulators.map(({ address }) => address);
    controlPlane = await startControlPlane({ endpoints });
    running.push(controlPlane);
    writeFileSync(shown, controlPlane.token);
    const secretPath = join(folder, "token.json");
    writeFileSync(secretPath, JSON.stringify(tokenSecret(shown)));
    envoy = await startEnvoy({ controlPlane, token: { secretPath } });
    running.push(envoy);
    const connection = new PinnedConnection(envoy.url);
    await until("it explains", async () => (await connection.ask("hello")).explanation);
  });

  afterAll(async () => {
    for (const component of running.reverse()) await component.stop();
  });

  it("fails no request, no poll and no report, and hints stay fresh", async () => {
    const before = await failedCalls();
    const loads = Array.from({ length: 4 }, () => new Traffic(new PinnedConnection(envoy.url)));
    await accept(controlPlane.token, "the-second");
    await until("the first is used", async () => ((await uses()).get("1") ?? 0) > 0);
    await replaceFile(shown, "the-second");
    await until("the second is used", async () => ((await uses()).get("2") ?? 0) > 20);
    const { "1": first } = Object.fromEntries(await uses());
    await until("only it", async () => ((await uses()).get("2") ?? 0) > 40);
    expect((await uses()).get("1")).toBe(first);
    await accept("the-second");
    await until("it is accepted alone", async () => ((await uses()).get("1") ?? 0) > 20);
    for (const load of loads) {
      expect(await load.end()).toEqual({ failed: 0, some: true });
      expect([...load.stages]).toEqual(["fresh"]);
    }
    expect(await failedCalls()).toEqual(before);
    expect(await metric("hintway_tokens_refused_total")).toBe(0);
  });

  it("and taken away too early is counted on both sides, while requests go on", async () => {
    const load = new Traffic(new PinnedConnection(envoy.url));
    await accept("the-third");
    await until("it is refused", async () => (await metric("hintway_tokens_refused_total")) > 0);
    const { polls } = await failedCalls();
    await until("polls fail", async () => (await failedCalls()).polls > polls);
    await replaceFile(shown, "the-third");
    await until("the third is used", async () => ((await uses()).get("1") ?? 0) > 20);
    expect(await load.end()).toEqual({ failed: 0, some: true });
  });

  /** Resolves when the control plane has read its file. */
  async function accept(...tokens: string[]): Promise<void> {
    const reads = () =>
      controlPlane.lines().filter((line) => line.includes('"file":"token"')).length;
    const before = reads();
    await replaceFile(join(controlPlane.stateDir, "token"), tokens.join("\n"));
    await until("it is read", () => reads() > before);
  }

  async function failedCalls(): Promise<{ polls: number; reports: number }> {
    const values = await envoy.statistics("wasmcustom.hintway.(polls|reports)_failed$");
    const of = (kind: string) => values.get(`wasmcustom.hintway.${kind}_failed`) ?? 0;
    return { polls: of("polls"), reports: of("reports") };
  }

  async function metric(name: string): Promise<number> {
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(await metrics())?.[1]);
  }

  /** By the token's place in the file. */
  async function uses(): Promise<Map<string, number>> {
    const found = (await metrics()).matchAll(/^hintway_token_uses_total\{token="(\d)"\} (\d+)$/gm);
    return new Map([...found].map(([, place = "", count]) => [place, Number(count)]));
  }

  async function metrics(): Promise<string> {
    return (await fetch(`${controlPlane.url}/metrics`)).text();
  }
});
