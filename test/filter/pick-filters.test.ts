import { describe, expect, test } from "vitest";
import * as profile from "../../protocol/profile.ts";
import { ask, beginResponse } from "../support/asked.ts";
import { addressOf, type StepHint } from "../support/hints-written.ts";
import {
  type Bench,
  type BenchEndpoint,
  explain,
  picksOf,
  startBench,
} from "../support/pick-bench.ts";

/** Places of the endpoints that the filters leave. */
function left(bench: Bench): number[] {
  const addresses = explain(bench).candidates.map(({ endpoint }) => endpoint);
  return bench.endpoints.flatMap((_, slot) => (addresses.includes(addressOf(slot)) ? [slot] : []));
}

describe("the label filter", () => {
  const step = (bit: number): StepHint => ({
    operation: profile.FILTER_LABEL,
    parameters: [bit],
    whole: true,
  });
  const endpoints = [{ labels: 0b01 }, { labels: 0b10 }, { labels: 0b11 }];

  test("keeps endpoints that have its bit", () => {
    expect(left({ steps: [step(0)], endpoints })).toEqual([0, 2]);
    expect(left({ steps: [step(1)], endpoints })).toEqual([1, 2]);
  });

  test("runs with others in their order", () => {
    expect(left({ steps: [step(0), step(1)], endpoints })).toEqual([2]);
  });

  test("that leaves none ends the request with 429 and upstream's reason", () => {
    const gateway = startBench({ steps: [step(31)], endpoints });
    const { localResponse } = ask(gateway.worker);
    expect(localResponse?.status).toBe(429);
    expect(localResponse?.headers.get("x-llm-d-request-dropped-reason")).toBe("rejected-saturated");
    expect(gateway.counter("rejected_saturated")).toBe(1);
  });
});

describe("the prefix-cache-affinity filter", () => {
  const step = (threshold: number, exploration = 0, penaltyMs = 0, peak = 1000): StepHint => ({
    operation: profile.FILTER_PREFIX_AFFINITY,
    parameters: [threshold, exploration, penaltyMs, peak],
  });
  const endpoints: BenchEndpoint[] = [{ holds: 10 }, { holds: 8 }, { holds: 7 }, {}];

  test("keeps endpoints that hold the threshold's share of the prompt, exactly that included", () => {
    expect(left({ steps: [step(0.8)], endpoints, promptKib: 10 })).toEqual([0, 1]);
  });

  test.each([
    ["where none holds enough", 0.8, 0, [{ holds: 7 }, {}, {}]],
    ["with no threshold", 0, 0, endpoints],
    ["when it explores", 0.8, 1, endpoints],
  ])("keeps all %s", (_, threshold, exploration, given) => {
    const steps = [step(threshold, exploration)];
    expect(left({ steps, endpoints: given, promptKib: 10 })).toHaveLength(given.length);
  });

  test("keeps all where the sticky ones' backlog would cost more than the penalty", () => {
    // 8,000 bytes are 2,000 tokens, at 1,000 tokens/s 2,000 ms, against 0 elsewhere.
    const busy = [{ holds: 10, otherBacklogBytes: 8_000 }, {}];
    const penalty = (ms: number): number[] =>
      left({ steps: [step(0.8, 0, ms)], endpoints: busy, promptKib: 10 });
    expect(penalty(1_999)).toEqual([0, 1]);
    expect(penalty(2_000)).toEqual([0]);
    expect(penalty(0)).toEqual([0]);
  });

  test("looks at the least loaded of either side", () => {
    const busy = [
      { holds: 10, otherBacklogBytes: 80_000 },
      { holds: 9, otherBacklogBytes: 4_000 },
      { otherBacklogBytes: 90_000 },
      { otherBacklogBytes: 2_000 },
    ];
    // (4,000 − 2,000) bytes are 500 tokens and 500 ms.
    expect(left({ steps: [step(0.8, 0, 500)], endpoints: busy, promptKib: 10 })).toEqual([0, 1]);
    expect(left({ steps: [step(0.8, 0, 499)], endpoints: busy, promptKib: 10 })).toHaveLength(4);
  });
});

describe("a client's session", () => {
  const filter = { operation: profile.FILTER_SESSION };
  const scorer = { operation: profile.SCORE_SESSION };
  const pool = { headers: ["x-session-token"] };
  const named = (token: string): Bench["asking"] => ({ headers: { "x-session-token": token } });
  const endpoints = [{}, {}, {}];

  test("is given in a header of the response", () => {
    const gateway = startBench({ steps: [filter], endpoints, pool });
    const request = ask(gateway.worker);
    beginResponse(request, { address: addressOf(1) });
    expect(request.sentToClient.headers?.get("x-session-token")).toBe(addressOf(1));
  });

  test("goes only to its endpoint where the profile filters by it", () => {
    const bench = { steps: [filter], endpoints, pool, asking: named(addressOf(2))! };
    expect(picksOf(bench)).toEqual([2]);
  });

  test("scores 1 for its endpoint and 0 for others where the profile scores by it", () => {
    const asking = named(addressOf(2))!;
    const { candidates } = explain({ steps: [scorer], endpoints, pool, asking });
    expect(candidates.map(({ score }) => score)).toEqual([0, 0, 1]);
  });

  test.each([
    ["names nobody of the table", "10.9.9.9:80"],
    ["is empty", ""],
    ["is a list", `${addressOf(1)},${addressOf(2)}`],
  ])("means nothing where it %s", (_, token) => {
    expect(left({ steps: [filter], endpoints, pool, asking: named(token)! })).toEqual([0, 1, 2]);
  });

  test("goes elsewhere where its endpoint may not be picked", () => {
    const some = [{}, {}, { state: 1 }];
    const bench = { steps: [filter], endpoints: some, pool, asking: named(addressOf(2))! };
    expect(left(bench)).toEqual([0, 1]);
  });

  test("is no matter of a pool whose profile has no use for it", () => {
    const gateway = startBench({ steps: [], endpoints });
    const request = ask(gateway.worker, named(addressOf(2)));
    beginResponse(request);
    expect(request.sentToClient.headers?.has("x-session-token")).toBe(false);
  });
});

test("what is in flight counts for the pick of the next", () => {
  const steps = [{ operation: profile.SCORE_ACTIVE_REQUEST, parameters: [0, 1] }];
  const bench = { steps, endpoints: [{}, {}, {}, {}], promptKib: 1 };
  const gateway = startBench(bench);
  const picks = [1, 2, 3, 4].map(() => picksOf(bench, gateway)[0]);
  expect(picks.sort()).toEqual([0, 1, 2, 3]);
});
