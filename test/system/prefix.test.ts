import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import {
  type Envoy,
  startEnvoy,
  startWholeGateway,
  type WholeGateway,
} from "../support/components.ts";
import { settle, until } from "../support/until.ts";

let gateway: WholeGateway;
let second: Envoy;

beforeAll(async () => {
  gateway = await startWholeGateway({ simulators: 4, simulatorFlags: ["--speed", "5"] });
  second = await startEnvoy({ controlPlane: gateway.controlPlane });
});

afterAll(async () => {
  await second?.stop();
  await gateway?.stop();
});

describe("where prompts go", () => {
  test("a conversation of 40 turns stays on one endpoint, whichever worker gets a turn", async () => {
    const messages: Message[] = [{ role: "system", content: prose("conversation", 3_000) }];
    const endpoints = new Set<string>();
    for (let turn = 0; turn < 40; turn++) {
      messages.push({ role: "user", content: prose(`turn ${turn}`, 700) });
      const answer = await ask(gateway.url, chat(messages));
      expect(answer.status).toBe(200);
      endpoints.add(answer.endpoint);
      messages.push({ role: "assistant", content: prose(`answer ${turn}`, 300) });
      await settle();
    }
    expect(endpoints.size).toBe(1);
  });

  test("a pick by one worker is matched by the other", async () => {
    const messages: Message[] = [{ role: "user", content: prose("between workers", 8_000) }];
    const first = await ask(gateway.url, chat(messages));
    await settle();
    for (let again = 0; again < 12; again++) {
      const answer = await ask(gateway.url, chat(messages));
      expect(candidateOf(answer, first.endpoint)?.matchedKeys).toBe(answer.explanation?.keys);
    }
  });

  test("a second gateway learns what the first one picked", async () => {
    const messages: Message[] = [{ role: "user", content: prose("between gateways", 6_000) }];
    const first = await ask(gateway.url, chat(messages));
    const matched = await until("the second gateway to know the prefix", async () => {
      const answer = await ask(second.url, chat(messages));
      const candidate = candidateOf(answer, first.endpoint);
      return candidate?.matchedKeys === answer.explanation?.keys ? answer : undefined;
    });
    expect(matched?.explanation?.keys).toBeGreaterThan(4);
  });

  test("users that share a long system prompt spread by load and still hit", async () => {
    const system: Message = { role: "system", content: prose("shared system prompt", 16_000) };
    const users = Array.from({ length: 200 }, (_, user) => user);
    const answers = await inParallel(users, 100, (user) =>
      ask(gateway.url, chat([system, { role: "user", content: prose(`user ${user}`, 400) }], 16)),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const endpoints = new Set(answers.map(({ endpoint }) => endpoint));
    expect(endpoints.size).toBeGreaterThan(1);
    const late = answers.slice(100);
    const hits = late.filter((answer) => candidateOf(answer, answer.endpoint)?.matchedKeys);
    expect(hits.length / late.length).toBeGreaterThan(0.9);
  });

  test("when all requests have ended every gauge is zero", async () => {
    const rest = await until("every gauge to be zero", async () => {
      const gauges = await gateway.envoy.statistics("wasmcustom.hintway.slot_");
      return [...gauges.values()].every((value) => value === 0) ? gauges : undefined;
    });
    expect(rest?.size).toBeGreaterThan(0);
  });
});

/** Runs `work` on every item, `width` at a time; answers in the order of the items. */
async function inParallel<T, R>(items: T[], width: number, work: (item: T) => Promise<R>) {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
