import { beforeEach, describe, expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, chatBody, destinationsOf, HEADERS, serve } from "../support/asked.ts";
import {
  DECODES,
  DisaggregatedGateway,
  ENDPOINTS,
  PARAMETERS,
  PREFILLS,
  slotOfLeg,
} from "../support/disaggregated-gateway.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";
import { ASK_OF_PREFILL } from "../support/two-legs.ts";

const PROMPT = "tell me of the sea ".repeat(200);

let gateway: DisaggregatedGateway;
beforeEach(() => {
  gateway = new DisaggregatedGateway();
});

function slotOf(request: GatewayRequest): number {
  return [...PREFILLS, ...DECODES].find((slot) => addressOf(slot) === destinationsOf(request)[0])!;
}

function bodyOf(request: GatewayRequest): string {
  return Buffer.from(request.sentToEndpoint.body).toString();
}

/** What is left of anything in flight, and of requests and calls. */
function remains(): unknown {
  return [gateway.flightGauges(), gateway.worker.requestCount, gateway.legs.length];
}
const NOTHING = [{}, 0, 0];

describe("a prompt is read on a prefill endpoint first", () => {
  test("by a call with the client's headers, the endpoint's address and the request's identifier", () => {
    const headers = { authorization: "Bearer abc", "x-request-id": "id-1", traceparent: "00-1" };
    const request = ask(gateway.worker, { prompt: PROMPT, headers });
    expect(request.isPaused).toBe(true);
    const { headers: sent } = gateway.leg;
    expect(slotOfLeg(gateway.leg)).not.toBe(-1);
    expect(sent.get("authorization")).toBe("Bearer abc");
    expect(sent.get("traceparent")).toBe("00-1");
    expect(sent.get("x-request-id")).toBe("id-1");
    expect(sent.get(":path")).toBe("/v1/chat/completions");
  });

  test("of which one identifier is on both legs, where the client and Envoy gave none", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const identifier = gateway.leg.headers.get("x-request-id");
    expect(identifier).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    gateway.answerLeg();
    expect(request.sentToEndpoint.headers?.get("x-request-id")).toBe(identifier);
  });

  test("with all transfer fields, one token, and no stream", () => {
    const asked = {
      model: "llama",
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 500,
      max_completion_tokens: 400,
      min_tokens: 3,
      n: 4,
      messages: [{ role: "user", content: PROMPT }],
      temperature: 0.5,
    };
    ask(gateway.worker, { body: JSON.stringify(asked) });
    expect(JSON.parse(Buffer.from(gateway.leg.body).toString())).toEqual({
      model: "llama",
      messages: asked.messages,
      temperature: 0.5,
      stream: false,
      max_tokens: 1,
      max_completion_tokens: 1,
      min_tokens: 1,
      kv_transfer_params: ASK_OF_PREFILL,
    });
  });

  test("and its parameters go to decode to the letter, in the client's own body", () => {
    const body = chatBody(PROMPT).replace("{", '{ "stream": true, "max_tokens": 500, ');
    const request = ask(gateway.worker, { body });
    gateway.answerLeg();
    expect(DECODES).toContain(slotOf(request));
    expect(bodyOf(request)).toBe(`{"kv_transfer_params": ${PARAMETERS},${body.slice(1)}`);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("and the length that the client told is told anew", () => {
    const body = chatBody(PROMPT);
    const request = ask(gateway.worker, { body, headers: { "content-length": `${body.length}` } });
    expect(gateway.leg.headers.get("content-length")).toBe(`${gateway.leg.body.length}`);
    gateway.answerLeg();
    const told = request.sentToEndpoint.headers?.get("content-length");
    expect(told).toBe(`${request.sentToEndpoint.body.length}`);
  });

  test("without what the client said of transfers", () => {
    const body = chatBody(PROMPT).replace("{", '{"kv_transfer_params":{"remote_host":"1.2.3.4"},');
    const request = ask(gateway.worker, { body });
    expect(Buffer.from(gateway.leg.body).toString()).not.toContain("1.2.3.4");
    gateway.answerLeg();
    expect(bodyOf(request)).not.toContain("1.2.3.4");
    expect(JSON.parse(bodyOf(request)).kv_transfer_params.room).toBeDefined();
  });

  test.each(DECODES)("and decode is picked with the loads of that moment: not %d", (busy) => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.run(20);
    gateway.hint(hintsFrame({ loads: [{ slot: busy, otherBacklogBytes: 100_000 }] }));
    gateway.answerLeg();
    expect(slotOf(request)).toBe(DECODES.find((slot) => slot !== busy));
  });

  test("and not on a decode endpoint that has failed meanwhile", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.run(20);
    gateway.hint(hintsFrame({ loads: [{ slot: 2, state: wire.STATE_DOWN }] }));
    gateway.answerLeg();
    expect(slotOf(request)).toBe(3);
  });
});

describe("what prefill costs is counted on its endpoint", () => {
  const requests = (slot: number) => {
    gateway.run(300);
    return gateway.metric(`hintway.slot_${slot}.machine_0.requests`) ?? 0;
  };

  test("from the pick to the answer, and decode's from its own pick", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const prefill = slotOfLeg(gateway.leg);
    expect(requests(prefill)).toBe(1);
    expect(DECODES.map(requests)).toEqual([0, 0]);
    gateway.answerLeg();
    expect(requests(prefill)).toBe(0);
    expect(requests(slotOf(request))).toBe(1);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("also when the client is gone, until the endpoint has answered, which is then of no use", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const prefill = slotOfLeg(gateway.leg);
    request.reset();
    request.done();
    expect(requests(prefill)).toBe(1);
    gateway.answerLeg();
    expect(remains()).toEqual(NOTHING);
    gateway.run(100);
    expect(gateway.told.legs.at(-1)?.outcome).toBe(wire.LEG_IN_VAIN);
  });

  test("and the prompt is where both endpoints are believed to hold it", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const prefill = slotOfLeg(gateway.leg);
    gateway.answerLeg();
    serve(request);
    gateway.run(100);
    const holders = gateway.told.picks.filter(({ flags }) => flags === 0).map(({ slot }) => slot);
    expect(holders).toEqual([prefill, slotOf(request)]);
  });
});

describe("when prefill fails", () => {
  const failures: [string, () => void][] = [
    ["answers an error", () => gateway.answerLeg('{"error":{}}', 500)],
    ["refuses the connection", () => gateway.answer(gateway.leg, { status: 503, body: "no host" })],
    ["is reset", () => gateway.fail(gateway.leg)],
    ["answers without parameters", () => gateway.answerLeg('{"id":"a"}')],
    ["answers null for parameters", () => gateway.answerLeg('{"kv_transfer_params":null}')],
    ["answers what is no JSON", () => gateway.answerLeg("<html>")],
    [
      "answers too many parameters",
      () => gateway.answerLeg(`{"kv_transfer_params":{"a":"${"x".repeat(300_000)}"}}`),
    ],
    ["takes too long", () => gateway.run(60_100)],
  ];

  test.each(failures)("the next prefill endpoint is asked where the first one %s", (_, fail) => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const first = slotOfLeg(gateway.leg);
    fail();
    expect(slotOfLeg(gateway.leg)).toBe(1 - first);
    gateway.answerLeg();
    expect(bodyOf(request)).toContain(PARAMETERS);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test.each(failures)("decode runs alone where the last one %s", (_, fail) => {
    gateway = new DisaggregatedGateway({ tries: 1 });
    const body = chatBody(PROMPT);
    const request = ask(gateway.worker, { body });
    fail();
    expect(DECODES).toContain(slotOf(request));
    expect(bodyOf(request)).toBe(body);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test.each(failures)(
    "the client gets an error, where the pool asks, if the last one %s",
    (_, fail) => {
      gateway = new DisaggregatedGateway({ tries: 1, failure: wire.FAILURE_ERROR });
      const request = ask(gateway.worker, { prompt: PROMPT });
      fail();
      expect(request.localResponse?.status).toBe(502);
      expect(JSON.parse(Buffer.from(request.localResponse!.body).toString()).error.code).toBe(
        "prefill_failed",
      );
      request.done();
      expect(remains()).toEqual(NOTHING);
    },
  );

  test("decode runs alone where no prefill endpoint is up", () => {
    const endpoints = [
      { slot: 0, roles: wire.ROLE_PREFILL, state: wire.STATE_DOWN },
      { slot: 2, roles: wire.ROLE_DECODE },
    ];
    gateway.hint(tableOf(0, { endpoints }, { disaggregation: {} }));
    const request = ask(gateway.worker, { prompt: PROMPT });
    expect(gateway.legs).toEqual([]);
    expect(slotOf(request)).toBe(2);
  });

  test("no request goes to a prefill endpoint where no decode endpoint is up", () => {
    const endpoints = [
      { slot: 0, roles: wire.ROLE_PREFILL },
      { slot: 2, roles: wire.ROLE_DECODE, state: wire.STATE_DOWN },
    ];
    gateway.hint(tableOf(0, { endpoints }, { disaggregation: {} }));
    expect(ask(gateway.worker, { prompt: PROMPT }).localResponse?.status).toBe(503);
  });

  test("the error comes at once where all decode endpoints have gone meanwhile", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const endpoints = [{ slot: 0, roles: wire.ROLE_PREFILL }];
    gateway.run(20);
    gateway.hint(tableOf(0, { endpoints }, { disaggregation: {} }));
    gateway.answerLeg();
    expect(request.localResponse?.status).toBe(503);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });

  test("the pool may be gone meanwhile", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.run(20);
    gateway.hint(tableOf(0, { pools: [] }));
    gateway.answerLeg();
    expect(request.localResponse?.status).toBe(503);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });
});

describe("the client gets an error, where the pool asks, also if prefill cannot be asked:", () => {
  const failure = wire.FAILURE_ERROR;

  test("its body is longer than a call's may be", () => {
    gateway = new DisaggregatedGateway({ failure });
    const request = ask(gateway.worker, { prompt: "x".repeat(4 * 1024 * 1024) });
    expect(request.localResponse?.status).toBe(502);
  });

  test("there is no room to hold it", () => {
    gateway = new DisaggregatedGateway({ failure }, { heldBytesMax: 6_000 });
    expect(ask(gateway.worker, { prompt: PROMPT }).localResponse?.status).toBe(502);
  });

  test("Envoy takes no call", () => {
    const hints = tableOf(0, { endpoints: ENDPOINTS }, { disaggregation: { failure } });
    const without = new FilteredGateway({ hints });
    expect(ask(without.worker, { prompt: PROMPT }).localResponse?.status).toBe(502);
  });
});

test("bodies of calls, also of those whose clients have left, take no more than may be held", () => {
  gateway = new DisaggregatedGateway({}, { heldBytesMax: 20_000 });
  for (let times = 0; times < 30; times++) {
    const request = ask(gateway.worker, { prompt: `${times} ${PROMPT}` });
    if (!request.isOver) request.reset();
    request.done();
  }
  expect(gateway.legs.length).toBeGreaterThan(2);
  const bytes = gateway.legs.reduce((sum, leg) => sum + leg.body.length, 0);
  expect(bytes).toBeLessThan(20_000 + 1_000);
  expect(gateway.counter("prefills_refused")).toBe(30 - gateway.legs.length);
  while (gateway.legs.length > 0) gateway.answerLeg();
  ask(gateway.worker, { prompt: PROMPT });
  expect(gateway.legs.length).toBe(1);
});

test("a call that fails tells of no parameters, whatever the one before it told", () => {
  gateway = new DisaggregatedGateway({ tries: 1 });
  const first = ask(gateway.worker, { prompt: PROMPT });
  gateway.answerLeg();
  serve(first);
  ask(gateway.worker, { prompt: `other ${PROMPT}` });
  gateway.answerLeg('{"error":{}}', 500);
  gateway.run(100);
  const told = gateway.told.legs.map(({ outcome, parametersBytes }) => [
    outcome,
    parametersBytes > 0,
  ]);
  expect(told).toEqual([
    [wire.LEG_SERVED, true],
    [wire.LEG_REFUSED, false],
  ]);
});

describe("a request decodes alone", () => {
  test("if it generates nothing", () => {
    const headers = { ":path": "/v1/embeddings" };
    const request = ask(gateway.worker, { headers, body: '{"model":"llama","input":"a b c"}' });
    expect(gateway.legs).toEqual([]);
    expect(DECODES).toContain(slotOf(request));
  });

  test("if it has no body", () => {
    const request = gateway.worker.startRequest();
    request.requestHeaders({ ...HEADERS, ":method": "GET", ":path": "/v1/models" }, true);
    expect(DECODES).toContain(slotOf(request));
  });

  test("if as many bytes are held as may be for prefill", () => {
    const endpoints = [
      { slot: 0, roles: wire.ROLE_PREFILL },
      { slot: 2, roles: wire.ROLE_DECODE },
    ];
    const settings = { heldBytesMax: 8_000 };
    gateway.hint(tableOf(0, { endpoints, settings }, { disaggregation: {} }));
    ask(gateway.worker, { prompt: PROMPT });
    expect(gateway.legs.length).toBe(1);
    const second = ask(gateway.worker, { prompt: PROMPT });
    expect(gateway.legs.length).toBe(1);
    expect(slotOf(second)).toBe(2);
    expect(gateway.counter("prefills_unheld")).toBe(1);
  });

  test("if its attachment cannot hold it for a call", () => {
    const buffering = new FilteredGateway({
      attachment: "buffer",
      clusters: ["pool"],
      hints: tableOf(
        0,
        {
          endpoints: [
            { slot: 0, roles: wire.ROLE_PREFILL },
            { slot: 2, roles: wire.ROLE_DECODE },
          ],
        },
        { disaggregation: {} },
      ),
    });
    const request = ask(buffering.worker, { prompt: PROMPT });
    expect(buffering.callsTo("pool")).toEqual([]);
    const state = [...request.filterState.values()].map(({ value }) => `${value}`);
    expect(state).toEqual([addressOf(2)]);
  });
});

describe("a pool that disaggregates refuses", () => {
  test("a body that it cannot read", () => {
    const request = ask(gateway.worker, { body: Buffer.from("1f8b08000000", "hex") });
    expect(request.localResponse?.status).toBe(415);
  });
});
