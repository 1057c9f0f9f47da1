import { beforeEach, describe, expect, test } from "vitest";
import * as profile from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";
import { ask, destinationsOf, serve } from "../support/asked.ts";
import {
  DECODES,
  DisaggregatedGateway,
  ENDPOINTS,
  slotOfLeg,
} from "../support/disaggregated-gateway.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import {
  addressOf,
  type EndpointHint,
  hintsFrame,
  type PoolHint,
  TOKEN_COST,
  tableOf,
} from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const PROMPT = "tell me of the sea ".repeat(200);
const DECODE_ADDRESSES = DECODES.map(addressOf);

let gateway: DisaggregatedGateway;
let request: GatewayRequest;
let asked: number;
beforeEach(() => {
  gateway = new DisaggregatedGateway();
  request = ask(gateway.worker, { prompt: PROMPT });
  asked = slotOfLeg(gateway.leg);
  gateway.run(20);
});

function tell(endpoints: readonly EndpointHint[], pool: PoolHint = { disaggregation: {} }): void {
  gateway.hint(tableOf(0, { endpoints }, pool));
}

/** The table with this instead of what was told of the prefill endpoint that would be next. */
function tellOfNext(change: Partial<EndpointHint> | null): void {
  const isNext = ({ slot }: EndpointHint) => slot === 1 - asked;
  const others = ENDPOINTS.filter((endpoint) => !isNext(endpoint));
  const next = ENDPOINTS.filter(isNext).map((endpoint) => ({ ...endpoint, ...change }));
  tell(change === null ? others : [...others, ...next]);
}

describe("while one prefill endpoint is asked, the next one", () => {
  test.each<[string, Partial<EndpointHint> | null]>([
    ["has left", null],
    ["is down", { state: wire.STATE_DOWN }],
    ["has left its slot to another", { address: "10.9.9.9:1" }],
    ["is for decode alone", { roles: wire.ROLE_DECODE }],
    ["is of another group than any that decodes", { group: 7 }],
  ])("%s, and is not asked", (_, change) => {
    const decodes = DECODES.map((slot) => ({ slot, roles: wire.ROLE_DECODE, group: 1 }));
    if (change?.group === undefined) tellOfNext(change);
    else tell([{ slot: 1 - asked, roles: wire.ROLE_PREFILL, ...change }, ...decodes]);
    gateway.answerLeg("{}", 500);
    expect(gateway.legs).toEqual([]);
    expect(destinationsOf(request).length).toBeGreaterThan(0);
  });

  test("is told anew as it was, and is asked", () => {
    tellOfNext({});
    gateway.answerLeg("{}", 500);
    expect(slotOfLeg(gateway.leg)).toBe(1 - asked);
    gateway.answerLeg();
    expect(DECODE_ADDRESSES).toContain(destinationsOf(request)[0]);
  });
});

describe("while prefill reads a prompt, its pool", () => {
  const moved = ENDPOINTS.map((endpoint) => ({ ...endpoint, slot: endpoint.slot + 10, pool: 1 }));
  const other = [{ number: 0, name: "other" }];

  test.each([
    ["has read", 200],
    ["has failed to read", 500],
  ])(
    "gets another number, and what prefill %s goes to no endpoint of the pool that has it",
    (_, status) => {
      const endpoints = [{ slot: 0, address: "10.9.9.9:1" }, ...moved];
      const pools = [...other, { number: 1, name: "pool", disaggregation: {} }];
      gateway.hint(hintsFrame({ generation: 78, pools, endpoints }));
      gateway.answerLeg(undefined, status);
      expect(request.localResponse?.status).toBe(503);
      request.done();
      expect([gateway.flightGauges(), gateway.legs.length]).toEqual([{}, 0]);
    },
  );

  test("ceases to disaggregate, and the request is picked for as its own profile says", () => {
    const picker = { operation: profile.PICK_MAX_SCORE, parameters: [8], whole: true };
    const profiles = [
      { name: "own", steps: [TOKEN_COST] },
      { name: "prefill", steps: [TOKEN_COST, picker] },
    ];
    const pool = { profiles, disaggregation: { profiles: [0, 1, 0] as const } };
    const ending = new FilteredGateway({
      hints: tableOf(0, { endpoints: ENDPOINTS }, pool),
      clusters: ["pool"],
    });
    const first = ask(ending.worker, { prompt: PROMPT });
    const [leg] = ending.callsTo("pool");
    ending.run(20);
    ending.hint(tableOf(0, { endpoints: ENDPOINTS }, { profiles }));
    // Another request in between leaves its own prompt behind.
    serve(ask(ending.worker, { prompt: "hi" }));
    const headers = { "content-type": "application/json" };
    ending.answer(leg!, { status: 200, headers, body: '{"kv_transfer_params":{"a":1}}' });
    ending.run(100);
    expect(destinationsOf(first)).toHaveLength(3);
    const last = ending.told.picks.filter(({ flags }) => flags === 0).at(-1);
    expect(last?.uncachedBytes).toBeLessThan(1_200);
  });
});
