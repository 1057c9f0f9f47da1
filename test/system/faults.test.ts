import { afterEach, describe, expect, test } from "vitest";
import { ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import {
  startWholeGateway,
  type WholeGateway,
  type WholeGatewayOptions,
} from "../support/components.ts";
import { until } from "../support/until.ts";

let gateway: WholeGateway | undefined;

afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

async function start(options: WholeGatewayOptions = {}): Promise<WholeGateway> {
  gateway = await startWholeGateway({
    simulators: 3,
    simulatorFlags: ["--speed", "50"],
    ...options,
  });
  return gateway;
}

function prompt(seed: string): Message[] {
  return [{ role: "user", content: prose(seed, 6_000) }];
}

async function counter(parts: WholeGateway, name: string): Promise<number> {
  const statistics = await parts.envoy.statistics(`wasmcustom.hintway.${name}$`);
  return statistics.get(`wasmcustom.hintway.${name}`) ?? 0;
}

describe("when the control plane dies", () => {
  test("no request fails, prefixes are still followed, and it is whole again after", async () => {
    const parts = await start();
    const before = await ask(parts.url, chat(prompt("before")));
    await parts.controlPlane.kill();
    for (let i = 0; i < 30; i++) {
      const answer = await ask(parts.url, chat(prompt(`during ${i % 5}`)));
      expect(answer.status).toBe(200);
    }
    const known = await ask(parts.url, chat(prompt("before")));
    expect(candidateOf(known, before.endpoint)?.matchedKeys).toBe(known.explanation?.keys);
    await parts.controlPlane.start();
    await until("the index to be handed back", async () => {
      const status = await statusOf(parts);
      return status.includes("index 0 of") ? undefined : status;
    });
    const after = await ask(parts.url, chat(prompt("before")));
    expect(candidateOf(after, before.endpoint)?.matchedKeys).toBe(after.explanation?.keys);
  });

  test("a gateway that has not heard from it for long picks blind, and says so", async () => {
    const parts = await start({ controlPlaneFlags: ["--stale-ms", "300", "--blind-ms", "900"] });
    await parts.controlPlane.kill();
    const blind = await until("picks to be blind", async () => {
      const answer = await ask(parts.url, chat(prompt("blind")));
      return answer.explanation?.stage === "blind" ? answer : undefined;
    });
    expect(blind?.status).toBe(200);
  });
});

async function statusOf(parts: WholeGateway): Promise<string> {
  return (await fetch(`${parts.controlPlane.url}/status`)).text();
}

describe("when a model server dies", () => {
  test("requests go to the next best, and no worker picks it until it is back", async () => {
    const parts = await start();
    const first = await ask(parts.url, chat(prompt("its own")));
    const victim = parts.simulators.find(({ address }) => address === first.endpoint);
    await victim?.kill();
    for (let i = 0; i < 20; i++) {
      const answer = await ask(parts.url, chat(prompt("its own")));
      expect(answer.status).toBe(200);
      expect(answer.endpoint).not.toBe(first.endpoint);
    }
    expect(await settledCounter(parts, "endpoint_failures")).toBeLessThanOrEqual(2);
    await victim?.start();
    const back = await until("it to be picked again", async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          ask(parts.url, chat(prompt(`again ${i} ${Math.random()}`))),
        ),
      );
      return answers.some(({ endpoint }) => endpoint === first.endpoint);
    });
    expect(back).toBe(true);
  });

  test("a stream it had begun is cut and counted, not retried", async () => {
    const parts = await start();
    const answer = await ask(parts.url, {
      ...chat(prompt("cut"), 50, true),
      headers: { "x-sim-fault": "reset-after-headers:3" },
    });
    expect(answer.status).toBe(200);
    expect(answer.isCut).toBe(true);
    expect(await settledCounter(parts, "streams_cut")).toBe(1);
  });

  test("with all of them gone the client gets a 503 in OpenAI's shape with the reason", async () => {
    const parts = await start();
    for (const simulator of parts.simulators) await simulator.kill();
    const answer = await until("the filter to refuse", async () => {
      const tried = await ask(parts.url, chat(prompt("nobody")));
      return tried.headers["x-llm-d-request-dropped-reason"] ? tried : undefined;
    });
    expect(answer?.status).toBe(503);
    expect(answer?.headers["x-llm-d-request-dropped-reason"]).toBe("rejected-no-endpoints");
    expect(JSON.parse(answer?.text ?? "").error.code).toBe("no_endpoints");
  });
});

async function settledCounter(parts: WholeGateway, name: string): Promise<number> {
  return (
    (await until(`${name} to be counted`, async () => (await counter(parts, name)) || undefined)) ??
    0
  );
}

describe("when a filter's virtual machine traps", () => {
  test("it is made anew, knows what its siblings know, and leaves nothing in flight", async () => {
    const parts = await start({ filter: "trap", workers: 2 });
    const before = await ask(parts.url, chat(prompt("known")));
    const trapped = await ask(parts.url, {
      ...chat(prompt("x")),
      headers: { "x-hintway-trap": "1" },
    });
    expect(trapped.status).toBeGreaterThanOrEqual(500);
    await until("twenty requests in a row to be served", async () => {
      for (let i = 0; i < 20; i++) {
        const answer = await ask(parts.url, chat(prompt("known")));
        if (answer.status !== 200 || answer.explanation === null) return undefined;
        const candidate = candidateOf(answer, before.endpoint);
        if (candidate?.matchedKeys !== answer.explanation.keys) return undefined;
      }
      return true;
    });
    await until("every gauge to be zero", async () => {
      const gauges = await parts.envoy.statistics("wasmcustom.hintway.slot_");
      return [...gauges.values()].every((value) => value === 0) || undefined;
    });
  });
});
