import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Attachment } from "../../envoy/bootstrap.ts";
import { ask, chat, type Message, prose } from "../support/asking.ts";
import { startWholeGateway, temporaryFolder, type WholeGateway } from "../support/components.ts";
import { until } from "../support/until.ts";

/** Two seconds is what a change takes at most; many tests at a time make it longer. */
const CHANGE_MS = 10_000;

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

interface Started {
  gateway: WholeGateway;
  set(settings: string): void;
  statistic(name: string): Promise<number>;
}

async function started(attachment: Attachment, settings: string): Promise<Started> {
  const file = join(temporaryFolder(), "settings.yaml");
  writeFileSync(file, settings);
  const gateway = await startWholeGateway({
    ...{ attachment, simulators: 3, simulatorFlags: ["--speed", "50"] },
    controlPlaneFlags: ["--settings", file],
  });
  running.push(gateway);
  const set = (text: string) => writeFileSync(file, text);
  const statistic = async (name: string) => {
    const values = await gateway.envoy.statistics(`hintway\\.${name}$`);
    return [...values.values()].reduce((sum, value) => sum + value, 0);
  };
  return { gateway, set, statistic };
}

function prompt(seed: string): Message[] {
  return [{ role: "user", content: prose(seed, 6_000) }];
}

/** The servers of some requests with one prompt, by how many they had. */
async function serversOf({ url }: WholeGateway, seed: string, times = 18) {
  const counts: Record<string, number> = {};
  for (let time = 0; time < times; time++) {
    const { status, headers } = await ask(url, chat(prompt(seed)));
    expect(status).toBe(200);
    const server = String(headers["x-sim-server"]);
    counts[server] = (counts[server] ?? 0) + 1;
  }
  return counts;
}

/** Resolves when no worker explains, or each does; rejects after CHANGE_MS. */
function untilExplained({ url }: WholeGateway, isExplained: boolean): Promise<unknown> {
  return until(
    `requests to be ${isExplained ? "" : "un"}explained`,
    async () => {
      const asked = Array.from({ length: 6 }, () => ask(url, chat(prompt("explained"))));
      const answers = await Promise.all(asked);
      return answers.every(({ explanation }) => (explanation !== null) === isExplained);
    },
    CHANGE_MS,
  );
}

describe.each(["pause", "buffer"] as const)("with the %s attachment", (attachment) => {
  test("switched off, requests are spread, and switched on again picked, without a restart", async () => {
    const { gateway, set, statistic } = await started(attachment, "mode: active");
    expect(Object.values(await serversOf(gateway, "active"))).toEqual([18]);
    set("mode: off");
    const beganMs = performance.now();
    await untilExplained(gateway, false);
    console.log(`off in every worker ${Math.round(performance.now() - beganMs)} ms after`);
    const counts = await serversOf(gateway, "off");
    expect(Object.keys(counts)).toHaveLength(3);
    const headers = { "x-gateway-destination-endpoint": gateway.simulators[0]!.address };
    const steered = new Set<unknown>();
    for (let time = 0; time < 12; time++) {
      const answer = await ask(gateway.url, { ...chat(prompt("steered")), headers });
      expect(answer.headers["x-sim-saw"]).toBeUndefined();
      steered.add(answer.headers["x-sim-server"]);
    }
    expect(steered.size).toBeGreaterThan(1);
    // Counters are written four times a second.
    await until("30 requests passed by", async () => (await statistic("requests_passed_by")) >= 30);
    set("mode: active");
    await untilExplained(gateway, true);
    expect(Object.values(await serversOf(gateway, "active again"))).toEqual([18]);
  });

  test("in shadow mode requests are spread, and the picks are told", async () => {
    const { gateway, set } = await started(attachment, "mode: shadow");
    const counts = await serversOf(gateway, "shadow");
    expect(Object.keys(counts)).toHaveLength(3);
    const told = async (pattern: RegExp) => {
      const text = await (await fetch(`${gateway.controlPlane.url}/metrics`)).text();
      return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
    };
    await until("all picks to be told", async () => {
      return (await told(/^hintway_shadow_picks_total\{.*\} (\d+)$/gm)) >= 18;
    });
    const served = await told(/^hintway_shadow_cached_tokens_total\{.*on="served"\} (.+)$/gm);
    const picked = await told(/^hintway_shadow_cached_tokens_total\{.*on="picked"\} (.+)$/gm);
    expect(picked).toBeGreaterThanOrEqual(served);
    expect(served).toBeGreaterThan(0);
    expect(await told(/^hintway_mode_info\{mode="shadow"\} (\d)$/gm)).toBe(1);
    await until("nothing to be in flight", async () => {
      return (await told(/^hintway_in_flight\{.*\} (\d+)$/gm)) === 0;
    });
    set("mode: active");
    let seeds = 0;
    await until(
      "requests to follow a prompt that comes for the first time",
      async () => Object.keys(await serversOf(gateway, `active ${++seeds}`, 6)).length === 1,
      CHANGE_MS,
    );
  });
});

describe("the access log", () => {
  test.each(["pause", "buffer"] as const)(
    "of %s has pick, stage and reason",
    async (attachment) => {
      const log = join(temporaryFolder(), "access.log");
      writeFileSync(log, "");
      const gateway = await startWholeGateway({
        ...{ attachment, simulatorFlags: ["--speed", "50"], accessLog: log },
        controlPlaneFlags: ["--access-log"],
      });
      running.push(gateway);
      const first = await ask(gateway.url, chat(prompt("logged")));
      const second = await ask(gateway.url, chat(prompt("logged")));
      expect(second.endpoint).toBe(first.endpoint);
      // Envoy writes lines out ten seconds late at most.
      const written = await until("two lines", () => {
        const lines = readFileSync(log, "utf8").split("\n");
        const own = lines.filter((line) => line.includes("POST /v1/chat/completions 200"));
        return own.length >= 2 ? own : undefined;
      });
      expect(written[0]).toContain(`pick=${first.endpoint} stage=fresh reason=load`);
      expect(written[1]).toContain(`pick=${first.endpoint} stage=fresh reason=prefix`);
    },
  );
});
