import { beforeEach, describe, expect, test } from "vitest";
import { OBJECTIVES_MAX, RULES_MAX } from "../../protocol/limits.ts";
import {
  NO_CAP,
  REJECT_CONCURRENCY,
  REJECT_PROBABLY,
  REJECT_UTILIZATION,
} from "../../protocol/profile.ts";
import {
  NO_SLOT,
  STATE_ASLEEP,
  STATE_DOWN,
  STATE_DRAINING,
  STATE_UP,
} from "../../protocol/records.ts";
import { type Asking, ask, beginResponse, chatBody, HEADERS, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import {
  type EndpointHint,
  type HintsHint,
  hintsFrame,
  tableOf,
} from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const OBJECTIVE = "x-llm-d-inference-objective";
const OLD_OBJECTIVE = "x-gateway-inference-objective";
const objectives = { batch: -1, chat: 5, plain: 0 };

/** Upstream's defaults: five waiting, four fifths of the KV cache, 200 ms. */
const UTILIZATION = { operation: REJECT_UTILIZATION, parameters: [5, 0.8, 200] };
const concurrency = (requests: number, tokens = NO_CAP) => {
  return { operation: REJECT_CONCURRENCY, parameters: [requests, tokens] };
};
const probably = (factor: number) => {
  return { operation: REJECT_PROBABLY, parameters: [5, 0.8, 5, factor] };
};

type Load = Omit<EndpointHint, "slot">;

/** A gateway over endpoints in these states, with a rule and objectives. */
function gatewayOver(loads: readonly Load[], rule = UTILIZATION, hints: HintsHint = {}) {
  const endpoints = loads.map((load, slot) => ({ slot, probeAgeMs: 0, ...load }));
  const admission = [{ rules: [rule], objectives }];
  return new FilteredGateway({ hints: tableOf(0, { endpoints, admission, ...hints }) });
}

function as(objective: string, asking: Asking = {}): Asking {
  return { ...asking, headers: { ...asking.headers, [OBJECTIVE]: objective } };
}

function isShed(request: GatewayRequest): boolean {
  return (
    request.localResponse?.headers.get("x-llm-d-request-dropped-reason") === "rejected-saturated"
  );
}

function sheds(gateway: FilteredGateway, objective = "batch"): boolean {
  const request = ask(gateway.worker, as(objective));
  const shed = isShed(request);
  if (shed) request.done();
  else serve(request);
  return shed;
}

const BUSY: Load = { waiting: 5 };
const HALF: Load = { waiting: 2, kvUse: 0.4 };
const IDLE: Load = { waiting: 0 };

let gateway: FilteredGateway;

describe("in a saturated pool", () => {
  beforeEach(() => {
    gateway = gatewayOver([BUSY, BUSY]);
  });

  test("a request of a priority below 0 gets a 429 that OpenAI's clients know and may try again", () => {
    const request = ask(gateway.worker, as("batch"));
    const { status, headers, body } = request.localResponse!;
    expect(status).toBe(429);
    expect(headers.get("retry-after")).toBe("1");
    expect(headers.get("x-llm-d-request-dropped-reason")).toBe("rejected-saturated");
    const { error } = JSON.parse(Buffer.from(body).toString());
    expect(error).toMatchObject({ type: "rate_limit_exceeded", code: "shed", param: null });
    request.done();
    gateway.run(100);
    const told = { slot: NO_SLOT, status: 429, reason: "shed", priority: -1 };
    expect(gateway.told.dones).toMatchObject([told]);
    expect(gateway.counter("rejected_shed")).toBe(1);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("any other goes on: of priority 0 or more, of an unknown objective, or of none", () => {
    for (const objective of ["chat", "plain", "nobody", ""]) {
      expect(sheds(gateway, objective)).toBe(false);
    }
    expect(isShed(ask(gateway.worker))).toBe(false);
    gateway.run(100);
    const told = gateway.told.dones.map(({ priority }) => priority);
    expect(told).toEqual([5, 0, 0, 0]);
  });

  test("the older header counts too, and the newer one more", () => {
    const asked = (headers: Record<string, string>) => isShed(ask(gateway.worker, { headers }));
    expect(asked({ [OLD_OBJECTIVE]: "batch" })).toBe(true);
    expect(asked({ [OLD_OBJECTIVE]: "chat", [OBJECTIVE]: "batch" })).toBe(true);
    expect(asked({ [OBJECTIVE]: "chat", [OLD_OBJECTIVE]: "batch" })).toBe(false);
  });

  test("an objective that changes counts from the next request on", () => {
    expect(sheds(gateway)).toBe(true);
    const admission = [{ rules: [UTILIZATION], objectives: { batch: 1 } }];
    const endpoints = [0, 1].map((slot) => ({ slot, waiting: 5 }));
    gateway.hint(tableOf(0, { endpoints, admission }));
    expect(sheds(gateway)).toBe(false);
    gateway.hint(tableOf(0, { endpoints }));
    expect(sheds(gateway)).toBe(false);
  });

  test("in shadow mode nobody is turned away, and the reason is told", () => {
    gateway = gatewayOver([BUSY], UTILIZATION, { settings: { mode: "shadow" } });
    expect(sheds(gateway)).toBe(false);
    gateway.run(100);
    expect(gateway.told.dones).toMatchObject([
      { status: 200, reason: "shed", pickedSlot: NO_SLOT },
    ]);
  });
});

describe("by utilization", () => {
  test.each([
    ["one of two is twice over its queue's limit", [{ waiting: 10 }, IDLE], true],
    ["the mean is just below", [{ waiting: 9 }, IDLE], false],
    ["of queue and cache the fuller counts", [{ waiting: 1, kvUse: 0.8 }], true],
    ["both are half full", [HALF, HALF], false],
    [
      "one that is down counts as saturated",
      [{ state: STATE_DOWN, probeAgeMs: 60_000 }, BUSY],
      true,
    ],
    ["one that was never read counts as saturated", [{ probeAgeMs: 0xffffffff }], true],
    [
      "one that is down and one idle are half full",
      [{ state: STATE_DOWN, probeAgeMs: 60_000 }, IDLE],
      false,
    ],
    ["one that drains does not count", [{ state: STATE_DRAINING, waiting: 50 }, IDLE], false],
    ["one that sleeps does not count", [{ state: STATE_ASLEEP }, BUSY], true],
    ["there is no endpoint", [], true],
  ])("where %s", (_, loads: Load[], expected) => {
    expect(sheds(gatewayOver(loads))).toBe(expected);
  });

  test("a control plane that is silent says nothing of endpoints: nobody is turned away", () => {
    gateway = gatewayOver([BUSY]);
    expect(sheds(gateway)).toBe(true);
    gateway.run(6_000);
    expect(sheds(gateway)).toBe(false);
  });
});

describe("by concurrency", () => {
  test("all that is in flight counts, over what all endpoints may have", () => {
    gateway = gatewayOver([{ otherRequests: 1 }, IDLE], concurrency(2));
    const open = [1, 2].map(() => ask(gateway.worker));
    expect(sheds(gateway)).toBe(false);
    open.push(ask(gateway.worker));
    expect(sheds(gateway)).toBe(true);
    serve(open.pop()!);
    expect(sheds(gateway)).toBe(false);
  });

  test("prompt tokens count until their answer begins", () => {
    gateway = gatewayOver([IDLE], concurrency(NO_CAP, 1_000));
    const request = ask(gateway.worker, { prompt: "word ".repeat(1_000) });
    expect(sheds(gateway)).toBe(true);
    beginResponse(request);
    request.responseBody("{");
    expect(sheds(gateway)).toBe(false);
  });
});

describe("by lot", () => {
  const share = (loads: Load[], factor: number) => {
    const drawing = gatewayOver(loads, probably(factor));
    return Array.from({ length: 400 }, () => sheds(drawing)).filter(Boolean).length / 400;
  };

  test("the share that is turned away is a power of the saturation times a factor", () => {
    expect(share([BUSY], 0.25)).toBeGreaterThan(0.17);
    expect(share([BUSY], 0.25)).toBeLessThan(0.33);
    expect(share([{ waiting: 1 }], 300)).toBeLessThan(0.16);
    expect(share([IDLE], 300)).toBe(0);
    expect(share([HALF], 300)).toBe(1);
  });

  test("an endpoint's age does not count, and none at all turns nobody away", () => {
    expect(share([{ ...IDLE, probeAgeMs: 60_000 }], 300)).toBe(0);
    gateway = gatewayOver([], probably(300));
    const request = ask(gateway.worker, as("batch"));
    expect(request.localResponse?.status).toBe(503);
  });
});

test("an objective is that of the request's own pool, also where the model decides", () => {
  const pools = [0, 1].map((number) => ({ number, name: `pool${number}` }));
  const endpoints = [0, 1].map((slot) => ({ slot, pool: slot, state: STATE_UP, waiting: 9 }));
  const admission = [{ pool: 1, rules: [UTILIZATION], objectives: { batch: -1 } }];
  const models = { poolOf: { one: 0, two: 1 } };
  gateway = new FilteredGateway({ hints: hintsFrame({ pools, endpoints, admission, models }) });
  expect(isShed(ask(gateway.worker, as("batch", { body: chatBody("hi", "one") })))).toBe(false);
  expect(isShed(ask(gateway.worker, as("batch", { body: chatBody("hi", "two") })))).toBe(true);
});

test("under attachment B the objective is read with the headers", () => {
  const endpoints = [{ slot: 0, waiting: 9 }];
  const admission = [{ rules: [UTILIZATION], objectives }];
  const hints = tableOf(0, { endpoints, admission });
  gateway = new FilteredGateway({ attachment: "buffer", hints });
  expect(isShed(ask(gateway.worker, as("batch")))).toBe(true);
});

test("objectives cost a request no call to the host", () => {
  const calls = (vm: FilteredGateway) => ask(vm.worker, { headers: HEADERS }).ledger.names();
  expect(calls(gatewayOver([IDLE]))).toEqual(calls(new FilteredGateway({ hints: tableOf(1) })));
});

describe("a table is refused whole", () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`objective ${index}`, -1]));

  test("with more objectives than there may be, over all pools", () => {
    const pools = [0, 1].map((number) => ({ number, name: `pool${number}` }));
    const half = OBJECTIVES_MAX / 2;
    for (const [second, refused] of [
      [half, 0],
      [half + 1, 1],
    ] as const) {
      gateway = new FilteredGateway();
      const admission = [
        { pool: 0, objectives: many(half) },
        { pool: 1, objectives: many(second) },
      ];
      gateway.hint(hintsFrame({ pools, admission }));
      expect(gateway.counter("hints_refused")).toBe(refused);
    }
  });

  test("with more rules than there may be", () => {
    gateway = new FilteredGateway();
    const rules = Array.from({ length: RULES_MAX + 1 }, () => UTILIZATION);
    gateway.hint(tableOf(1, { admission: [{ rules, objectives }] }));
    expect(gateway.counter("hints_refused")).toBe(1);
  });
});
