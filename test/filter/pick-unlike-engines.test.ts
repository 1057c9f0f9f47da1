import { describe, expect, test } from "vitest";
import { AGE_UNKNOWN_MS } from "../../protocol/records.ts";
import { ask, destinationsOf, serve } from "../support/asked.ts";
import type { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, TOKEN_COST, tableOf } from "../support/hints-written.ts";
import { type BenchEndpoint, explain, picksOf, startBench } from "../support/pick-bench.ts";

const KIB = 1_024;
/** γ, α, ω, credit, ghost size, β: without what is not looked at here. */
const PARAMETERS = [2, 0, 0.25, 0, 1, 1];
const STEPS = [{ ...TOKEN_COST, parameters: PARAMETERS }];

function costs(...endpoints: BenchEndpoint[]): (number | undefined)[] {
  const { candidates } = explain({ steps: STEPS, endpoints, promptKib: 4 });
  return candidates.map(({ costBytes }) => costBytes);
}

describe("the token-cost scorer", () => {
  test("costs three times as much where a prompt takes three times as long", () => {
    // γ · 4 KiB; and on the second one a backlog of 1,000 bytes besides, all of it threefold.
    expect(costs({}, { slowness: 3, otherBacklogBytes: 1_000 })).toEqual([
      8 * KIB,
      3 * (8 * KIB + 1_000),
    ]);
  });

  test("takes requests that passed no gateway to be as its own are in the mean", () => {
    // Before a pick the mean prompt is 4,096 bytes, none of them cached. Two wait: 8,192 bytes, and
    // (γ + 2 β) · 4 KiB; five in all are read by decode steps: ω · 20,480.
    expect(costs({}, { foreignWaiting: 2, foreignRequests: 5 })).toEqual([
      8 * KIB,
      8_192 + 16 * KIB + 5_120,
    ]);
  });
});

describe("a request with an adapter", () => {
  const LOADED = { adaptersMost: 2, adaptersActive: ["red", "green"] };
  const HALF = { adaptersMost: 2, adaptersActive: ["blue"] };

  function pick(model: string, endpoints: BenchEndpoint[]): number | undefined {
    return picksOf({ steps: STEPS, endpoints, asking: { body: bodyOf(model) } })[0];
  }

  const NAMELESS = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });

  function bodyOf(model: string): string {
    return JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] });
  }

  test("goes to the endpoint that runs it", () => {
    expect(pick("red", [HALF, LOADED])).toBe(1);
    expect(pick("blue", [HALF, LOADED])).toBe(0);
  });

  test("goes elsewhere when there waits more than loading it takes", () => {
    // 2,048 tokens of four bytes.
    expect(pick("red", [HALF, { ...LOADED, otherBacklogBytes: 8_000 }])).toBe(1);
    expect(pick("red", [HALF, { ...LOADED, otherBacklogBytes: 8_400 }])).toBe(0);
  });

  test("goes where there is room for one more before where there is none", () => {
    const endpoints = [{ ...HALF, otherBacklogBytes: 50_000 }, LOADED];
    expect(pick("violet", endpoints)).toBe(1);
    const known = [...endpoints, { adaptersMost: 1, adaptersActive: ["violet"], state: 2 }];
    expect(pick("violet", known)).toBe(0);
  });

  test("is nothing special where no engine tells of adapters", () => {
    expect(pick("red", [{ otherBacklogBytes: 1 }, {}])).toBe(1);
  });

  test("is unlike one that names no model, which costs the same where engines are full", () => {
    const endpoints = [HALF, LOADED, {}];
    const { candidates } = explain({ steps: STEPS, endpoints, asking: { body: NAMELESS } });
    expect(new Set(candidates.map(({ costBytes }) => costBytes)).size).toBe(1);
  });

  test("finds the adapters that were sent since the last probe", () => {
    const idle = { adaptersMost: 1 };
    const gateway = startBench({
      steps: STEPS,
      endpoints: [idle, idle, { adaptersMost: 2, adaptersActive: ["red", "blue"], state: 2 }],
    });
    const first = sent(gateway, "red");
    const second = sent(gateway, "blue");
    expect(second).not.toBe(first);
    expect([sent(gateway, "red"), sent(gateway, "blue")]).toEqual([first, second]);
    gateway.run(1_000);
    const slots = [0, 1].map((slot) => ({ slot, ...idle }));
    gateway.hint(hintsFrame({ loads: slots.map((load) => ({ ...load, probeAgeMs: 0 })) }));
    // The engines tell that nothing runs: both places are as good for a third one.
    const costsAfter = explainOf(gateway, "red");
    expect(new Set(costsAfter).size).toBe(1);
  });

  test("finds nothing of what was sent to the endpoint that had the slot before", () => {
    const idle = { adaptersMost: 1 };
    const told = { slot: 2, adaptersMost: 1, adaptersActive: ["red"], state: 2 };
    const gateway = startBench({ steps: STEPS, endpoints: [idle, idle, told] });
    const slot = sent(gateway, "red");
    const endpoints = [0, 1].map((at) => ({ slot: at, ...idle }));
    const another = { address: "10.9.9.9:80", probeAgeMs: AGE_UNKNOWN_MS };
    const others = endpoints.map((endpoint) =>
      endpoint.slot === slot ? { ...endpoint, ...another } : endpoint,
    );
    gateway.hint(tableOf(0, { endpoints: [...others, told] }, { steps: STEPS }));
    expect(new Set(explainOf(gateway, "red")).size).toBe(1);
  });

  test("is known as one however many others engines have told of", () => {
    const endpoints = [{ otherBacklogBytes: 1_000 }, { adaptersMost: 1 }];
    const gateway = startBench({ steps: STEPS, endpoints });
    for (let frame = 0; frame < 60; frame++) {
      const adaptersActive = Array.from({ length: 64 }, (_, at) => `adapter ${frame} ${at}`);
      gateway.hint(hintsFrame({ loads: [{ slot: 1, adaptersMost: 64, adaptersActive }] }));
    }
    const full = { slot: 1, adaptersMost: 2, adaptersActive: ["red", "green"] };
    gateway.hint(hintsFrame({ loads: [full] }));
    // The second endpoint runs it, but is full for others: known as an adapter, violet waits there.
    gateway.hint(hintsFrame({ loads: [{ slot: 0, adaptersActive: ["violet"], adaptersMost: 1 }] }));
    expect(sent(gateway, "violet")).toBe(0);
    expect(explainOf(gateway, "violet")[1]).toBeGreaterThan(100);
  });

  /** Asks, is answered, and says which endpoint it was. */
  function sent(gateway: FilteredGateway, model: string): number {
    const request = ask(gateway.worker, { body: bodyOf(model) });
    const slot = [0, 1].findIndex((one) => addressOf(one) === destinationsOf(request)[0]);
    serve(request);
    return slot;
  }

  function explainOf(gateway: FilteredGateway, model: string): (number | undefined)[] {
    const request = ask(gateway.worker, {
      body: bodyOf(model),
      headers: { "x-hintway-explain": "1" },
    });
    serve(request);
    const text = request.sentToClient.headers?.get("x-hintway-explain") ?? "{}";
    const { candidates } = JSON.parse(text) as { candidates: { costBytes: number }[] };
    return candidates.map(({ costBytes }) => Math.round(costBytes / KIB));
  }
});
