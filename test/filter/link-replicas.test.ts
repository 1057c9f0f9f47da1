import { beforeEach, describe, expect, test } from "vitest";
import { ask, destinationsOf, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, tableOf } from "../support/hints-written.ts";

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway();
});

describe("of several replicas", () => {
  const REPLICA = "x-hintway-replica";

  function answerAs(replica: string, status = 204): void {
    gateway.answer(gateway.poll!, { status, headers: { [REPLICA]: replica } });
    gateway.deliver();
  }

  test("the one that answered gets the next poll and reports", () => {
    expect(gateway.poll?.headers.toObject()).not.toHaveProperty(REPLICA);
    answerAs("10.0.0.1:8081");
    expect(gateway.poll?.headers.toObject()).toMatchObject({ [REPLICA]: "10.0.0.1:8081" });
    gateway.reportStatus = null;
    serve(ask(gateway.worker));
    gateway.run(100);
    expect(gateway.reports[0]?.headers.toObject()).toMatchObject({
      ":path": "/v1/reports",
      [REPLICA]: "10.0.0.1:8081",
    });
    answerAs("[fd00::2]:8081");
    expect(gateway.poll?.headers.toObject()).toMatchObject({ [REPLICA]: "[fd00::2]:8081" });
  });

  test("none is asked for after a call that failed", () => {
    answerAs("10.0.0.1:8081");
    gateway.fail(gateway.poll!);
    gateway.run(110);
    expect(gateway.poll?.headers.toObject()).not.toHaveProperty(REPLICA);
  });

  test("any number may answer in turn, and memory does not grow", () => {
    gateway = new FilteredGateway({ vm: { isRecording: false } });
    const before = gateway.worker.memory.bytes;
    for (let times = 0; times < 20_000; times++) answerAs(`10.0.0.${times % 2}:8081`);
    expect(gateway.worker.memory.bytes).toBe(before);
  });

  test("a name that is too long is none", () => {
    answerAs("x".repeat(65));
    expect(gateway.poll?.headers.toObject()).not.toHaveProperty(REPLICA);
  });

  test("the next one is told whose positions these are, and for how long they are known", () => {
    gateway.hint(tableOf(3, { position: { table: 3, loads: 4, index: 5, origin: 77 } }));
    gateway.fail(gateway.poll!);
    gateway.run(110);
    const [claim] = gateway.readPoll().gateways;
    expect(claim?.origin).toBe(77);
    expect(claim?.toldMs).toBeGreaterThanOrEqual(100);
    expect(claim?.toldMs).toBeLessThan(125);
  });

  test("one that counts itself is told all that is in flight", () => {
    const endpoint = destinationsOf(ask(gateway.worker))[0];
    gateway.run(100);
    const before = gateway.told.flights.length;
    gateway.hint(tableOf(3, { position: { table: 1, loads: 1, index: 1, origin: 78 } }));
    gateway.run(100);
    expect(gateway.told.flights.length).toBeGreaterThan(before);
    const slot = [0, 1, 2].find((one) => addressOf(one) === endpoint)!;
    expect(gateway.told.flightOf(slot)?.requests).toBe(1);
  });
});
