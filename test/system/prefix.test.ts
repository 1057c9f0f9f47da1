import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import { startWholeGateway, type WholeGateway } from "../support/components.ts";
import { settle, until } from "../support/until.ts";

let gateway: WholeGateway;

beforeAll(async () => {
  gateway = await startWholeGateway({ simulators: 4, simulatorFlags: ["--speed", "5"] });
});

afterAll(async () => {
  await gateway?.stop();
});

describe("where prompts go", () => {
  test("a pick by one worker is matched by the other", async () => {
    const messages: Message[] = [{ role: "user", content: prose("between workers", 8_000) }];
    const first = await ask(gateway.url, chat(messages));
    await settle();
    for (let again = 0; again < 12; again++) {
      const answer = await ask(gateway.url, chat(messages));
      expect(candidateOf(answer, first.endpoint)?.matchedKeys).toBe(answer.explanation?.keys);
    }
  });

  test("when all requests have ended every gauge is zero", async () => {
    const rest = await until("every gauge to be zero", async () => {
      const gauges = await gateway.envoy.statistics("wasmcustom.hintway.slot_");
      return [...gauges.values()].every((value) => value === 0) ? gauges : undefined;
    });
    expect(rest?.size).toBeGreaterThan(0);
  });
});
