import { describe, expect, test } from "vitest";
import * as profile from "../../protocol/profile.ts";
import { ask, beginResponse, explained } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, TOKEN_COST, tableOf } from "../support/hints-written.ts";

const ASKING = { headers: { "x-hintway-explain": "1" } };

describe("a response explains its pick", () => {
  test("with the endpoint that served and what each candidate scored", () => {
    const gateway = new FilteredGateway();
    const request = ask(gateway.worker, ASKING);
    beginResponse(request, { address: addressOf(2) });
    expect(request.sentToClient.headers?.get("x-hintway-endpoint")).toBe(addressOf(2));
    const explanation = explained(gateway.worker, { prompt: "x".repeat(3_000) });
    expect(explanation).toMatchObject({ stage: "fresh", pool: "pool", leftOut: 0 });
    expect(explanation.candidates.map(({ endpoint }) => endpoint)).toEqual(
      [0, 1, 2].map(addressOf),
    );
    for (const candidate of explanation.candidates) {
      expect(Object.keys(candidate.scorers)).toEqual(["token-cost-scorer"]);
      expect(candidate.scorers["token-cost-scorer"]).toBe(candidate.score);
    }
  });

  test("and not where the client does not ask, or the operator does not allow it", () => {
    for (const [isExplained, headers] of [
      [true, {}],
      [true, { "x-hintway-explain": "0" }],
      [false, ASKING.headers],
    ] as const) {
      const gateway = new FilteredGateway({ hints: tableOf(3, { settings: { isExplained } }) });
      const request = ask(gateway.worker, { headers });
      beginResponse(request);
      expect(request.sentToClient.headers?.has("x-hintway-explain")).toBe(false);
      expect(request.sentToClient.headers?.has("x-hintway-endpoint")).toBe(false);
    }
  });

  test("in JSON also of a pool and a profile as large as they may be", () => {
    const operations = [
      profile.SCORE_PUSHED,
      profile.SCORE_QUEUE,
      profile.SCORE_RUNNING,
      profile.SCORE_ACTIVE_REQUEST,
      profile.SCORE_TOKEN_LOAD,
      profile.SCORE_PREFIX,
      profile.SCORE_LORA,
      profile.SCORE_NO_HIT_LRU,
      profile.SCORE_SESSION,
    ];
    const steps = Array.from({ length: 31 }, (_, step) => ({
      operation: operations[step % operations.length]!,
      parameters: [1, 1],
    }));
    const endpoints = Array.from({ length: 1_024 }, (_, slot) => ({
      slot,
      address: `[2001:db8:1234:5678:9abc:def0:1234:${(slot + 4096).toString(16)}]:65535`,
      score: slot / 7,
      waiting: 4_294_967_295,
      running: 4_294_967_295 - slot,
      otherBacklogBytes: 4_294_967_295,
    }));
    const pool = { steps: [TOKEN_COST, ...steps], name: "n".repeat(128) };
    const gateway = new FilteredGateway({ hints: tableOf(0, { endpoints }, pool) });
    const { candidates, leftOut } = explained(gateway.worker);
    expect(candidates.length).toBeGreaterThan(0);
    expect(candidates.length + leftOut).toBe(1_024);
  });

  test("in JSON also where the pool's name has a quotation mark", () => {
    const gateway = new FilteredGateway({ hints: tableOf(1, {}, { name: 'a "b" \\ \n' }) });
    expect(explained(gateway.worker).candidates).toHaveLength(1);
  });

  test("also one that a local reply ends", () => {
    const request = ask(new FilteredGateway().worker, ASKING);
    request.respondLocally({ status: 503 });
    request.done();
    expect(request.sentToClient.headers?.has("x-hintway-explain")).toBe(true);
  });
});
