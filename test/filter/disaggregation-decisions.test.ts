import { beforeEach, describe, expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, DESTINATION, destinationsOf, serve } from "../support/asked.ts";
import {
  DECODES,
  DisaggregatedGateway,
  PREFILLS,
  slotOfLeg,
} from "../support/disaggregated-gateway.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import {
  addressOf,
  type EndpointHint,
  type HintsHint,
  hintsFrame,
  tableOf,
} from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const PROMPT = "tell me of the sea ".repeat(200);

let gateway: DisaggregatedGateway;
beforeEach(() => {
  gateway = new DisaggregatedGateway();
});

describe("a request that asks why is told", () => {
  const asking = { prompt: PROMPT, headers: { "x-hintway-explain": "1" } };
  const explanation = (request: GatewayRequest, header: string) => {
    serve(request);
    return JSON.parse(request.sentToClient.headers?.get(header) ?? "null");
  };

  test("both picks", () => {
    const request = ask(gateway.worker, asking);
    const prefill = addressOf(slotOfLeg(gateway.leg));
    gateway.run(20);
    gateway.answerLeg();
    serve(request);
    const { headers } = request.sentToClient;
    const decode = JSON.parse(headers?.get("x-hintway-explain") ?? "null");
    expect(decode.candidates.map(({ endpoint }: { endpoint: string }) => endpoint)).toEqual(
      DECODES.map(addressOf),
    );
    expect(decode.disaggregation).toMatchObject({
      decision: "prefill-decode",
      prefill,
      prefillMs: 20,
      tried: 1,
    });
    const other = JSON.parse(headers?.get("x-hintway-explain-prefill") ?? "null");
    expect(other.candidates.map(({ endpoint }: { endpoint: string }) => endpoint)).toEqual(
      PREFILLS.map(addressOf),
    );
  });

  test("that prefill failed", () => {
    gateway = new DisaggregatedGateway({ tries: 1 });
    const request = ask(gateway.worker, asking);
    gateway.answerLeg("{}", 500);
    const { disaggregation } = explanation(request, "x-hintway-explain");
    expect(disaggregation).toMatchObject({ decision: "prefill-decode", prefillFailed: true });
  });

  test("what the decider weighed", () => {
    gateway = new DisaggregatedGateway({ decider: wire.DECIDE_TIME });
    const request = ask(gateway.worker, asking);
    const { disaggregation } = explanation(request, "x-hintway-explain");
    expect(disaggregation.decision).toBe("decode-only");
    expect(disaggregation.aloneBytes).toBeGreaterThan(3_000);
    expect(disaggregation.elsewhereBytes).toBeGreaterThan(disaggregation.aloneBytes);
  });
});

const LONG = "tell me of the sea ".repeat(500);

/** Whether a request's prefill runs elsewhere; where it does, it is answered. */
function isElsewhere(prompt: string): { is: boolean; request: GatewayRequest } {
  const request = ask(gateway.worker, { prompt });
  const is = gateway.legs.length > 0;
  if (is) gateway.answerLeg();
  return { is, request };
}

describe("by time, prefill runs elsewhere", () => {
  test("once enough waits on the decode endpoints, and not before", () => {
    gateway = new DisaggregatedGateway({ decider: wire.DECIDE_TIME });
    expect(isElsewhere(LONG).is).toBe(false);
    expect(isElsewhere(LONG.slice(1)).is).toBe(false);
    expect(isElsewhere(LONG.slice(2)).is).toBe(true);
  });

  test("not where the decode endpoint has the prompt cached", () => {
    gateway = new DisaggregatedGateway({ decider: wire.DECIDE_TIME });
    const first = isElsewhere(LONG);
    expect(first.is).toBe(false);
    serve(first.request);
    // As much waits on each as lets a prompt of this length be read elsewhere.
    const loads = DECODES.map((slot) => ({ slot, otherBacklogBytes: LONG.length }));
    gateway.hint(hintsFrame({ loads }));
    const again = isElsewhere(LONG);
    expect(again.is).toBe(false);
    serve(again.request);
    expect(isElsewhere(LONG.toUpperCase()).is).toBe(true);
  });
});

test("by the bytes that are not cached, prefill runs elsewhere once", () => {
  gateway = new DisaggregatedGateway({ decider: wire.DECIDE_UNCACHED, parameters: [500, 0] });
  const first = isElsewhere(LONG);
  expect(first.is).toBe(true);
  serve(first.request);
  expect(isElsewhere(LONG).is).toBe(false);
});

describe("prefill runs", () => {
  const JSON_TYPE = { "content-type": "application/json" };
  const PREFILL = wire.ROLE_PREFILL;
  const DECODE = wire.ROLE_DECODE;
  const SERVED = { status: 200, headers: JSON_TYPE, body: '{"kv_transfer_params":{"a":1}}' };
  const FAILED = { status: 500, headers: JSON_TYPE, body: "{}" };
  const over = (endpoints: EndpointHint[], settings: HintsHint["settings"] = {}, tries = 1) =>
    new FilteredGateway({
      hints: tableOf(0, { endpoints, settings }, { disaggregation: { tries } }),
      clusters: ["pool"],
    });

  test("on no endpoint that would have to fetch from itself, and decode on none that would", () => {
    const endpoints = [0, 1].map((slot) => ({ slot, roles: PREFILL | DECODE }));
    const both = over([...endpoints, { slot: 2, roles: DECODE }]);
    let elsewhere = 0;
    for (let times = 0; times < 30; times++) {
      const request = ask(both.worker, { prompt: `${times} ${PROMPT}` });
      for (const leg of both.callsTo("pool")) {
        elsewhere++;
        both.answer(leg, SERVED);
        expect(destinationsOf(request)).not.toContain(leg.headers.get(DESTINATION));
      }
      serve(request);
    }
    expect(elsewhere).toBeGreaterThan(0);
  });

  test("on none that is held to be failing, where decode can do without", () => {
    const failing = over([
      { slot: 0, roles: PREFILL },
      { slot: 1, roles: DECODE },
    ]);
    let calls = 0;
    for (let times = 0; times < 20; times++) {
      const request = ask(failing.worker, { prompt: `${times} ${PROMPT}` });
      for (const leg of failing.callsTo("pool")) {
        calls++;
        failing.answer(leg, FAILED);
      }
      serve(request);
    }
    expect(calls).toBeLessThan(8);
  });

  test("on as many in turn as may be tried, whatever Envoy may retry", () => {
    const endpoints = [0, 1, 2].map((slot) => ({ slot, roles: slot < 2 ? PREFILL : DECODE }));
    const trying = over(endpoints, { fallbacks: 0 }, 2);
    ask(trying.worker, { prompt: PROMPT });
    trying.answer(trying.callsTo("pool")[0]!, FAILED);
    expect(trying.callsTo("pool")).toHaveLength(1);
  });

  test("on one that decode can take over from, however many better ones have no partner", () => {
    const idle = { roles: PREFILL, group: 1 };
    const busy = { roles: PREFILL, group: 2, otherRequests: 50, otherBacklogBytes: 90_000 };
    const endpoints = Array.from({ length: 8 }, (_, slot) => ({
      slot,
      ...(slot < 7 ? idle : busy),
    }));
    const pairing = over([...endpoints, { slot: 9, roles: DECODE, group: 2 }]);
    ask(pairing.worker, { prompt: PROMPT });
    expect(pairing.callsTo("pool").map(({ headers }) => headers.get(DESTINATION))).toEqual([
      addressOf(7),
    ]);
  });
});
