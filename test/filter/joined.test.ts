import { beforeEach, describe, expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, beginResponse, chatBody, destinationsOf, serve } from "../support/asked.ts";
import {
  DECODES,
  DisaggregatedGateway,
  PREFILLS,
  slotOfLeg,
} from "../support/disaggregated-gateway.ts";
import type { DisaggregationHint } from "../support/disaggregation-written.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const PROMPT = "tell me of the sea ".repeat(200);
const SGLANG: DisaggregationHint = { connector: wire.CONNECTOR_SGLANG };
const STREAM = { headers: { "content-type": "text/event-stream" } };

let gateway: DisaggregatedGateway;
beforeEach(() => {
  gateway = new DisaggregatedGateway(SGLANG);
});

function bodyOf(request: GatewayRequest): string {
  return Buffer.from(request.sentToEndpoint.body).toString();
}

function legBody(): string {
  return Buffer.from(gateway.leg.body).toString();
}

/** Digits as they stand: a number of JavaScript would round them. */
function roomOf(body: string): string {
  return /"bootstrap_room":(\d+)/.exec(body)![1]!;
}

function slotOf(request: GatewayRequest): number {
  return [...PREFILLS, ...DECODES].find((slot) => addressOf(slot) === destinationsOf(request)[0])!;
}

/** What is left of anything in flight, and of requests and calls. */
function remains(): unknown {
  return [gateway.flightGauges(), gateway.worker.requestCount, gateway.legs.length];
}
const NOTHING = [{}, 0, 0];

function requestsOn(slot: number): number {
  gateway.run(300);
  return gateway.metric(`hintway.slot_${slot}.machine_0.requests`) ?? 0;
}

describe("both legs of SGLang are sent at once", () => {
  test("to a prefill endpoint and one of decode, with the same room of prefill's bootstrap server", () => {
    const body = '{ "model":"llama", "messages":[{"role":"user","content":"of the sea"}], "n": 2 }';
    const request = ask(gateway.worker, { body, headers: { "x-request-id": "id-1" } });
    expect(request.isPaused).toBe(false);
    const prefill = slotOfLeg(gateway.leg);
    const room = roomOf(bodyOf(request));
    const host = addressOf(prefill).replace(":8000", "");
    const members = `"bootstrap_host":"${host}","bootstrap_port":8998,"bootstrap_room":${room}`;
    expect(bodyOf(request)).toBe(`{${members},${body.slice(1)}`);
    expect(legBody()).toBe(`${body.slice(0, -1)},"stream":false,${members}}`);
    expect(gateway.leg.headers.get("x-request-id")).toBe("id-1");
    expect(DECODES).toContain(slotOf(request));
  });

  test("and the body's length is told anew", () => {
    const body = chatBody(PROMPT);
    const headers = { "content-length": `${body.length}` };
    const request = ask(gateway.worker, { body, headers });
    const told = request.sentToEndpoint.headers?.get("content-length");
    expect(told).toBe(`${bodyOf(request).length}`);
  });

  test("without what a client says of rooms, and prefill is not streamed", () => {
    const body = `{"bootstrap_host":"1.2.3.4","stream":true,"bootstrap_room":7,"prompt":"${PROMPT}","stream_options":{}}`;
    const request = ask(gateway.worker, { body, headers: { ":path": "/v1/completions" } });
    for (const sent of [bodyOf(request), legBody()]) {
      expect(sent).not.toContain("1.2.3.4");
      expect(JSON.parse(sent).prompt).toBe(PROMPT);
    }
    expect(JSON.parse(legBody()).stream).toBe(false);
    expect(JSON.parse(bodyOf(request)).stream).toBe(true);
  });

  test("of its own API too, whose limits the engine sets itself", () => {
    const body = `{"text":"${PROMPT}","sampling_params":{"max_new_tokens":9},"stream":true}`;
    ask(gateway.worker, { body, headers: { ":path": "/generate" } });
    const { text, sampling_params, stream } = JSON.parse(legBody());
    expect([text, sampling_params, stream]).toEqual([PROMPT, { max_new_tokens: 9 }, false]);
  });

  test("with an IPv6 address in brackets, and the port that the table tells", () => {
    const endpoints = [
      { slot: 0, roles: wire.ROLE_PREFILL, address: "[fd00::5]:8000", bootstrapPort: 9111 },
      { slot: 2, roles: wire.ROLE_DECODE },
    ];
    gateway.hint(tableOf(0, { endpoints }, { disaggregation: SGLANG }));
    const request = ask(gateway.worker, { prompt: PROMPT });
    expect(bodyOf(request)).toContain('{"bootstrap_host":"[fd00::5]","bootstrap_port":9111,');
  });

  test("also where the endpoints alone name the connector", () => {
    const connector = wire.CONNECTOR_SGLANG;
    const endpoints = [
      { slot: 0, roles: wire.ROLE_PREFILL, connector },
      { slot: 2, roles: wire.ROLE_DECODE, connector },
    ];
    gateway.hint(tableOf(0, { endpoints }, { disaggregation: {} }));
    const request = ask(gateway.worker, { prompt: PROMPT });
    expect(roomOf(bodyOf(request))).toBe(roomOf(legBody()));
  });

  test.each([wire.DECIDE_NEVER, wire.DECIDE_UNCACHED, wire.DECIDE_TIME])(
    "whatever the decider %d says, since its decode servers read no prompt",
    (decider) => {
      gateway = new DisaggregatedGateway({ ...SGLANG, decider, parameters: [1e6, 1e6] });
      ask(gateway.worker, { prompt: "short" });
      expect(gateway.legs.length).toBe(1);
    },
  );

  test("and Envoy is told not to try decode again, nor where else", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    expect(request.sentToEndpoint.headers?.get("x-envoy-max-retries")).toBe("0");
    expect(destinationsOf(request).length).toBe(1);
  });

  test("and the explanation of decode's pick names both", () => {
    const headers = { "x-hintway-explain": "1" };
    const request = ask(gateway.worker, { prompt: PROMPT, headers });
    const prefill = slotOfLeg(gateway.leg);
    gateway.answerLeg("{}");
    serve(request);
    const explained = request.sentToClient.headers?.get("x-hintway-explain");
    expect(JSON.parse(explained!).disaggregation).toEqual({
      decision: "prefill-decode",
      prefill: addressOf(prefill),
      isJoined: true,
      tried: 1,
    });
  });
});

describe("rooms", () => {
  test("are never used twice, by no machine, and are larger than a double can tell apart", () => {
    gateway = new DisaggregatedGateway(SGLANG);
    for (let worker = 1; worker < 4; worker++) gateway.startWorker();
    gateway.run(1_000);
    const rooms: string[] = [];
    for (let times = 0; times < 200; times++) {
      for (const worker of gateway.workers) {
        const request = ask(worker, { prompt: "short" });
        rooms.push(roomOf(bodyOf(request)));
        gateway.answerLeg("{}");
        serve(request);
      }
    }
    expect(new Set(rooms).size).toBe(rooms.length);
    const numbers = rooms.map(BigInt);
    expect(numbers.every((room) => room > 0n && room < 2n ** 63n)).toBe(true);
    expect(numbers.filter((room) => room > 2n ** 53n).length).toBeGreaterThan(rooms.length * 0.99);
  });

  test("are drawn anew where an endpoint could not be called", () => {
    gateway.clusters.delete("pool");
    const refused = ask(gateway.worker, { prompt: PROMPT });
    expect(refused.localResponse?.status).toBe(502);
    gateway.clusters.add("pool");
    const request = ask(gateway.worker, { prompt: PROMPT });
    expect(gateway.legs.length).toBe(1);
    expect(roomOf(bodyOf(request))).toBe(roomOf(legBody()));
  });
});

describe("what both legs cost is counted where they run", () => {
  test("from the pick to the end of each", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const [prefill, decode] = [slotOfLeg(gateway.leg), slotOf(request)];
    expect([requestsOn(prefill), requestsOn(decode)]).toEqual([1, 1]);
    gateway.answerLeg("{}");
    expect([requestsOn(prefill), requestsOn(decode)]).toEqual([0, 1]);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("and prefill's until its call has ended where the client is gone", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const [prefill, decode] = [slotOfLeg(gateway.leg), slotOf(request)];
    request.reset();
    request.done();
    expect([requestsOn(prefill), requestsOn(decode)]).toEqual([1, 0]);
    gateway.answerLeg("{}");
    expect(remains()).toEqual(NOTHING);
    gateway.run(100);
    expect(gateway.told.legs.at(-1)?.outcome).toBe(wire.LEG_IN_VAIN);
  });

  test("and so it is where decode fails", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const prefill = slotOfLeg(gateway.leg);
    request.setProperties({ "response.flags": 1 << 6 });
    request.respondLocally({ status: 503 });
    request.done();
    expect(requestsOn(prefill)).toBe(1);
    gateway.fail(gateway.leg);
    expect(remains()).toEqual(NOTHING);
  });
});

test("prefill endpoints that have all just failed are asked all the same, as none decodes alone", () => {
  for (const _ of PREFILLS) {
    ask(gateway.worker, { prompt: PROMPT });
    gateway.fail(gateway.leg);
  }
  const request = ask(gateway.worker, { prompt: PROMPT });
  expect(PREFILLS).toContain(slotOfLeg(gateway.leg));
  expect(roomOf(bodyOf(request))).toBe(roomOf(legBody()));
});

describe("a prefill that fails ends the request at once:", () => {
  const failures: [string, () => void][] = [
    ["answers an error", () => gateway.answerLeg('{"error":{}}', 500)],
    ["refuses the connection", () => gateway.answer(gateway.leg, { status: 503, body: "no host" })],
    ["is reset", () => gateway.fail(gateway.leg)],
    ["takes too long", () => gateway.run(60_100)],
  ];

  function expectError(request: GatewayRequest): void {
    expect(request.localResponse?.status).toBe(502);
    const { error } = JSON.parse(Buffer.from(request.localResponse!.body).toString());
    expect(error.code).toBe("prefill_failed");
    request.done();
    expect(remains()).toEqual(NOTHING);
    expect(gateway.told.dones.at(-1)?.status).toBe(502);
  }

  test.each(failures)("it %s before decode has answered", (_, fail) => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    fail();
    expectError(request);
    expect(gateway.counter("prefills_failed")).toBe(1);
  });

  test.each(failures)("it %s before decode has sent more than headers", (_, fail) => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request, STREAM);
    expect(request.sentToClient.headers).toBeUndefined();
    fail();
    expectError(request);
  });

  test.each(failures)("it %s, and what decode has begun to say is cut", (_, fail) => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request, STREAM);
    request.responseBody("data: 1\n\n");
    expect(request.sentToClient.bodyText).toBe("data: 1\n\n");
    fail();
    expect(request.wasReset).toBe(true);
    request.done();
    expect(remains()).toEqual(NOTHING);
    expect(gateway.counter("streams_cut")).toBe(1);
    const done = gateway.told.dones.at(-1)!;
    expect([done.status, done.flags & wire.DONE_FLAG_CUT]).toEqual([200, wire.DONE_FLAG_CUT]);
  });

  test("and neither endpoint is believed to hold the prompt", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.answerLeg("{}", 500);
    request.done();
    gateway.run(3_000);
    const headers = { "x-hintway-explain": "1" };
    const next = ask(gateway.worker, { prompt: PROMPT, headers });
    gateway.answerLeg("{}");
    serve(next);
    for (const name of ["x-hintway-explain", "x-hintway-explain-prefill"]) {
      const { candidates } = JSON.parse(next.sentToClient.headers!.get(name)!);
      const matched = candidates.map(({ matchedKeys }: { matchedKeys: number }) => matchedKeys);
      expect(matched).toEqual(matched.map(() => 0));
    }
  });

  test("but not one that has its whole answer", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request);
    request.responseBody("{}", true);
    gateway.answerLeg("{}", 500);
    expect([request.wasReset, request.localResponse]).toEqual([false, undefined]);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });

  test("nor one whose decode tells of another error", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request, { status: 400 });
    request.responseBody('{"error":');
    gateway.answerLeg("{}", 500);
    expect(request.wasReset).toBe(false);
    request.responseBody("{}}", true);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });
});

describe("the headers of decode's answer wait", () => {
  test("for the end of prefill", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request, STREAM);
    expect(request.sentToClient.headers).toBeUndefined();
    gateway.answerLeg("{}");
    expect(request.sentToClient.headers?.get(":status")).toBe("200");
    request.responseBody("data: 1\n\n", true);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });

  test("or for the first byte of its body", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request, STREAM);
    request.responseBody("data: 1\n\n");
    expect(request.sentToClient.headers?.get(":status")).toBe("200");
    gateway.answerLeg("{}");
    request.responseBody("data: 2\n\n", true);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });

  test("not if they have no body, or tell of an error", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request, { status: 500 });
    expect(request.sentToClient.headers?.get(":status")).toBe("500");
    request.responseBody("{}", true);
    request.done();
    gateway.answerLeg("{}");
    expect(remains()).toEqual(NOTHING);
  });
});

describe("a prompt of SGLang that no prefill endpoint can read gets an error, since decode cannot either:", () => {
  function expectError(request: GatewayRequest): void {
    expect(request.localResponse?.status).toBe(502);
    request.done();
    expect(remains()).toEqual(NOTHING);
  }

  test("none is up", () => {
    gateway.run(20);
    const loads = PREFILLS.map((slot) => ({ slot, state: wire.STATE_DOWN }));
    gateway.hint(hintsFrame({ loads }));
    expectError(ask(gateway.worker, { prompt: PROMPT }));
  });

  test("it is longer than a call's body may be", () => {
    expectError(ask(gateway.worker, { prompt: "x".repeat(4 * 1024 * 1024) }));
  });

  test("the gateway's attachment can make no call", () => {
    const endpoints = [
      { slot: 0, roles: wire.ROLE_PREFILL },
      { slot: 2, roles: wire.ROLE_DECODE },
    ];
    const hints = tableOf(0, { endpoints }, { disaggregation: SGLANG });
    const buffering = new FilteredGateway({ attachment: "buffer", clusters: ["pool"], hints });
    expect(ask(buffering.worker, { prompt: PROMPT }).localResponse?.status).toBe(502);
  });

  test("but what generates nothing goes to decode", () => {
    const headers = { ":path": "/v1/embeddings" };
    const request = ask(gateway.worker, { headers, body: '{"model":"llama","input":"a b c"}' });
    expect(gateway.legs).toEqual([]);
    expect(DECODES).toContain(slotOf(request));
  });
});

test("where a first prefill endpoint hands parameters on and fails, one of SGLang may be next", () => {
  const endpoints = [
    { slot: 0, roles: wire.ROLE_PREFILL, connector: wire.CONNECTOR_NIXL },
    { slot: 1, roles: wire.ROLE_PREFILL, otherBacklogBytes: 100_000 },
    { slot: 2, roles: wire.ROLE_DECODE, connector: wire.CONNECTOR_NIXL },
  ];
  gateway.hint(tableOf(0, { endpoints }, { disaggregation: SGLANG }));
  const request = ask(gateway.worker, { prompt: PROMPT });
  expect([request.isPaused, slotOfLeg(gateway.leg)]).toEqual([true, 0]);
  gateway.answerLeg("{}", 500);
  expect([request.isPaused, slotOfLeg(gateway.leg)]).toEqual([false, 1]);
  expect(roomOf(bodyOf(request))).toBe(roomOf(legBody()));
  gateway.answerLeg("{}");
  serve(request);
  expect(remains()).toEqual(NOTHING);
});
