import { beforeEach, describe, expect, test } from "vitest";
import * as encoding from "../../protocol/encoding-records.ts";
import * as wire from "../../protocol/records.ts";
import { ask, beginResponse, destinationsOf, serve } from "../support/asked.ts";
import { DECODES, PREFILLS } from "../support/disaggregated-gateway.ts";
import {
  answerOf,
  bodyWith,
  ENCODERS,
  EncodingGateway,
  encodingOf,
  imageOf,
  slotOfCall,
  textOf,
} from "../support/encoding-gateway.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";
import { ASK_OF_PREFILL } from "../support/two-legs.ts";

const IMAGE = imageOf("https://a.example/cat.png");
const OTHER = imageOf("https://a.example/dog.png");

let gateway: EncodingGateway;
beforeEach(() => {
  gateway = new EncodingGateway();
});

function slotOf(request: GatewayRequest): number | undefined {
  return [...PREFILLS, ...DECODES].find((slot) => addressOf(slot) === destinationsOf(request)[0]);
}

const sentBody = (request: GatewayRequest) => textOf(request.sentToEndpoint.body);

/** What is left of anything in flight, and of requests and calls. */
function remains(): unknown {
  return [gateway.flightGauges(), gateway.worker.requestCount, gateway.legs.length];
}
const NOTHING = [{}, 0, 0];

describe("an image is encoded on an encoder before anything reads the prompt", () => {
  test("by a call with the client's body, that image for all of its messages, and one token", () => {
    const rest = ',"stream":true,"max_tokens":500,"seed" : 1.50,"stream_options":{},"top_p":1';
    const request = ask(gateway.worker, { body: bodyWith([IMAGE], rest) });
    expect(request.isPaused).toBe(true);
    expect(ENCODERS).toContain(slotOfCall(gateway.leg));
    expect(textOf(gateway.leg.body)).toBe(
      `{"model":"llama","seed" : 1.50,"top_p":1,"messages":[{"role":"user","content":[${IMAGE}]}],"max_tokens":1,"stream":false}`,
    );
  });

  test("with the client's headers, and the request's identifier with the image's number", () => {
    const headers = { authorization: "Bearer abc", "x-request-id": "id-1" };
    const request = ask(gateway.worker, { body: bodyWith([IMAGE, OTHER]), headers });
    const told = gateway.legs.map((call) => call.headers.get("x-request-id"));
    expect(told).toEqual(["id-1-enc-0", "id-1-enc-1"]);
    expect(gateway.leg.headers.get("authorization")).toBe("Bearer abc");
    expect(gateway.leg.headers.get(":path")).toBe("/v1/chat/completions");
    expect(gateway.leg.headers.get("content-length")).toBe(`${gateway.leg.body.length}`);
    for (const hash of ["h0", "h1"]) gateway.answerLeg(answerOf(hash));
    expect(request.sentToEndpoint.headers?.get("x-request-id")).toBe("id-1");
  });

  test("and what it tells goes into the client's own body, to the letter", () => {
    const body = bodyWith([IMAGE], ',"stream":true');
    const request = ask(gateway.worker, { body });
    gateway.answerLeg(answerOf("h0"));
    expect(DECODES).toContain(slotOf(request));
    expect(sentBody(request)).toBe(
      `{"ec_transfer_params":{ ${encodingOf("h0")} },${body.slice(1)}`,
    );
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("and the length that the client told is told anew", () => {
    const body = bodyWith([IMAGE, OTHER]);
    const request = ask(gateway.worker, { body, headers: { "content-length": `${body.length}` } });
    for (const hash of ["h0", "h1"]) gateway.answerLeg(answerOf(hash));
    const told = request.sentToEndpoint.headers?.get("content-length");
    expect(told).toBe(`${request.sentToEndpoint.body.length}`);
  });

  test("of several, each different one once, on all encoders, with all that was told", () => {
    const inline = '{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}';
    const request = ask(gateway.worker, { body: bodyWith([IMAGE, OTHER, IMAGE, inline]) });
    const items = gateway.legs.map((call) => JSON.parse(textOf(call.body)).messages[0].content);
    expect(items).toEqual([IMAGE, OTHER, inline].map((item) => [JSON.parse(item)]));
    expect(new Set(gateway.legs.map(slotOfCall))).toEqual(new Set(ENCODERS));
    for (const hash of ["h2", "h0", "h1"])
      gateway.answerLeg(answerOf(hash), 200, gateway.legs.at(-1));
    expect(Object.keys(JSON.parse(sentBody(request)).ec_transfer_params).sort()).toEqual([
      "h0",
      "h1",
      "h2",
    ]);
    expect(sentBody(request)).toContain(encodingOf("h1"));
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("and prefill gets what it told, and decode both", () => {
    gateway = new EncodingGateway({ hasPrefill: true });
    const body = bodyWith([IMAGE]);
    const request = ask(gateway.worker, { body });
    gateway.answerLeg(answerOf("h0"));
    expect(PREFILLS).toContain(slotOfCall(gateway.leg));
    const encodings = JSON.parse(`{${encodingOf("h0")}}`);
    const prefill = JSON.parse(textOf(gateway.leg.body));
    expect(prefill.ec_transfer_params).toEqual(encodings);
    expect(prefill.kv_transfer_params).toEqual(ASK_OF_PREFILL);
    expect(prefill.messages).toEqual(JSON.parse(body).messages);
    gateway.answerLeg('{"kv_transfer_params":{"a":1}}');
    expect(sentBody(request)).toBe(
      `{"kv_transfer_params":{"a":1},"ec_transfer_params":{ ${encodingOf("h0")} },${body.slice(1)}`,
    );
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("and what the client itself said of encodings is gone from every body", () => {
    const rest = ',"ec_transfer_params":{"h0":{"peer_host":"1.2.3.4"}}';
    const request = ask(gateway.worker, { body: bodyWith([IMAGE], rest) });
    expect(textOf(gateway.leg.body)).not.toContain("1.2.3.4");
    gateway.answerLeg(answerOf("h0"));
    expect(sentBody(request)).not.toContain("1.2.3.4");
  });

  test("and the explanation names the encoders", () => {
    const headers = { "x-hintway-explain": "1" };
    const request = ask(gateway.worker, { body: bodyWith([IMAGE]), headers });
    const encoder = addressOf(slotOfCall(gateway.leg));
    gateway.run(30);
    gateway.answerLeg(answerOf("h0"));
    beginResponse(request);
    const told = JSON.parse(request.sentToClient.headers?.get("x-hintway-explain") ?? "");
    expect(told.disaggregation.decision).toBe("encode-decode");
    expect(told.disaggregation.encoders).toEqual([encoder]);
    expect(told.disaggregation.encodeMs).toBeGreaterThanOrEqual(30);
    expect(told.disaggregation.encodingsBytes).toBeGreaterThan(10);
    request.done();
  });

  test("and the control plane is told of each call, and of what was decided", () => {
    const request = ask(gateway.worker, { body: bodyWith([IMAGE]) });
    const encoder = slotOfCall(gateway.leg);
    gateway.answerLeg(answerOf("h0"));
    serve(request);
    gateway.run(100);
    expect(gateway.told.legs).toMatchObject([
      { slot: encoder, outcome: wire.LEG_SERVED, status: 200, stage: encoding.LEG_STAGE_ENCODE },
    ]);
    expect(gateway.told.legs[0]?.parametersBytes).toBeGreaterThan(10);
    const flags = wire.DONE_FLAG_DECIDED | encoding.DONE_FLAG_ENCODED;
    expect(gateway.told.dones[0]!.flags & (flags | encoding.DONE_FLAG_ENCODE_FAILED)).toBe(flags);
  });

  test("whose work counts on the encoder until it has answered", () => {
    const request = ask(gateway.worker, { body: bodyWith([IMAGE]) });
    const gauge = `hintway.slot_${slotOfCall(gateway.leg)}.machine_0.requests`;
    gateway.run(300);
    expect(gateway.metric(gauge)).toBe(1);
    gateway.answerLeg(answerOf("h0"));
    gateway.run(300);
    expect(gateway.metric(gauge)).toBe(0);
    request.reset();
    request.done();
  });

  test("and its answer is of no use where the client has left meanwhile", () => {
    const request = ask(gateway.worker, { body: bodyWith([IMAGE, OTHER]) });
    gateway.answerLeg(answerOf("h0"));
    request.reset();
    request.done();
    gateway.answerLeg(answerOf("h1"));
    expect(remains()).toEqual(NOTHING);
    gateway.run(100);
    expect(gateway.told.legs.map(({ outcome }) => outcome)).toEqual([
      wire.LEG_SERVED,
      wire.LEG_IN_VAIN,
    ]);
  });
});

describe("nothing is told of a medium, which is then encoded where the prompt is read,", () => {
  const answers = ['{"id":"a"}', '{"ec_transfer_params":null}', '{"ec_transfer_params":{ }}'];

  test.each(answers)("where the encoder answers %s", (answer) => {
    const body = bodyWith([IMAGE]);
    const request = ask(gateway.worker, { body });
    gateway.answerLeg(answer);
    expect(sentBody(request)).toBe(body);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("where all of a request's parameters are more than can be taken", () => {
    const request = ask(gateway.worker, { body: bodyWith([IMAGE, OTHER]) });
    gateway.answerLeg(answerOf("x".repeat(200_000)));
    gateway.answerLeg(answerOf("y".repeat(200_000)));
    expect(Object.keys(JSON.parse(sentBody(request)).ec_transfer_params)).toEqual([
      "x".repeat(200_000),
    ]);
  });

  test("with the connector of shared storage, whatever the encoder answers", () => {
    gateway = new EncodingGateway({ encoding: { connector: encoding.ENCODINGS_SHARED_STORAGE } });
    const body = bodyWith([IMAGE]);
    const request = ask(gateway.worker, { body });
    gateway.answerLeg(answerOf("h0"));
    expect(sentBody(request)).toBe(body);
    gateway.run(100);
    expect(gateway.told.legs[0]?.outcome).toBe(wire.LEG_SERVED);
  });
});

describe("when an encoder fails", () => {
  const failures: [string, () => void][] = [
    ["answers an error", () => gateway.answerLeg('{"error":{}}', 500)],
    ["refuses the connection", () => gateway.answer(gateway.leg, { status: 503, body: "no" })],
    ["is reset", () => gateway.fail(gateway.leg)],
    ["answers what is no JSON", () => gateway.answerLeg("<html>")],
    ["takes too long", () => gateway.run(60_100)],
  ];

  test.each(failures)("the next one is asked where the first one %s", (_, fail) => {
    const body = bodyWith([IMAGE]);
    const request = ask(gateway.worker, { body });
    const first = gateway.leg;
    const [slot, sent] = [slotOfCall(first), textOf(first.body)];
    fail();
    expect(slotOfCall(gateway.leg)).toBe(ENCODERS.find((other) => other !== slot));
    expect(textOf(gateway.leg.body)).toBe(sent);
    gateway.answerLeg(answerOf("h0"));
    expect(sentBody(request)).toContain(encodingOf("h0"));
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test.each(failures)("who reads the prompt encodes it where the last one %s", (_, fail) => {
    gateway = new EncodingGateway({ tries: 1 });
    const body = bodyWith([IMAGE]);
    const request = ask(gateway.worker, { body });
    fail();
    expect(DECODES).toContain(slotOf(request));
    expect(sentBody(request)).toBe(body);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test.each(failures)(
    "the client gets a 502, where the pool asks, if the last one %s",
    (_, fail) => {
      gateway = new EncodingGateway({ tries: 1, failure: wire.FAILURE_ERROR });
      const request = ask(gateway.worker, { body: bodyWith([IMAGE, OTHER]) });
      fail();
      expect(request.localResponse?.status).toBe(502);
      expect(JSON.parse(textOf(request.localResponse!.body)).error.code).toBe("encode_failed");
      request.done();
      while (gateway.legs.length > 0) gateway.answerLeg(answerOf("h1"));
      expect(remains()).toEqual(NOTHING);
    },
  );

  test("the body that the next one gets is the client's still, after another has answered", () => {
    const request = ask(gateway.worker, { body: bodyWith([IMAGE, OTHER]) });
    const [first, second] = gateway.legs;
    const sent = textOf(second!.body);
    gateway.answerLeg(answerOf("h0"), 200, first);
    gateway.answerLeg('{"error":{}}', 500, second);
    expect(textOf(gateway.leg.body)).toBe(sent);
    gateway.answerLeg(answerOf("h1"));
    expect(sentBody(request)).toContain(encodingOf("h0"));
    expect(sentBody(request)).toContain(encodingOf("h1"));
  });

  test("the others' encodings are handed on all the same, and it is counted", () => {
    gateway = new EncodingGateway({ tries: 1 });
    const request = ask(gateway.worker, { body: bodyWith([IMAGE, OTHER]) });
    gateway.answerLeg('{"error":{}}', 500);
    gateway.answerLeg(answerOf("h1"));
    expect(Object.keys(JSON.parse(sentBody(request)).ec_transfer_params)).toEqual(["h1"]);
    serve(request);
    gateway.run(100);
    expect(gateway.told.dones[0]!.flags & encoding.DONE_FLAG_ENCODE_FAILED).not.toBe(0);
    expect(gateway.counter("encodes_failed")).toBe(1);
  });

  test("the pool may be gone meanwhile", () => {
    const request = ask(gateway.worker, { body: bodyWith([IMAGE]) });
    gateway.run(20);
    gateway.hint(tableOf(0, { pools: [] }));
    gateway.answerLeg(answerOf("h0"));
    expect(request.localResponse?.status).toBe(503);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });

  test("the pool may have ceased to encode meanwhile", () => {
    const request = ask(gateway.worker, { body: bodyWith([IMAGE]) });
    gateway.run(20);
    gateway.hint(tableOf(0, { endpoints: DECODES.map((slot) => ({ slot })) }));
    gateway.answerLeg(answerOf("h0"));
    expect(DECODES).toContain(slotOf(request));
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });
});

describe("media are encoded where the prompt is read", () => {
  const expectNoCall = (request: GatewayRequest) => {
    expect(gateway.legs).toEqual([]);
    expect(DECODES).toContain(slotOf(request));
  };

  test("if there are none", () => {
    expectNoCall(ask(gateway.worker, { prompt: "hello" }));
  });

  test("if the API has no such parts", () => {
    const headers = { ":path": "/v1/messages" };
    expectNoCall(ask(gateway.worker, { body: bodyWith([IMAGE]), headers }));
  });

  test("if the pool has no encoder that is up, and that is no failure", () => {
    gateway = new EncodingGateway({ failure: wire.FAILURE_ERROR });
    const down = ENCODERS.map((slot) => ({ slot, state: wire.STATE_DOWN }));
    gateway.hint(hintsFrame({ loads: down }));
    expectNoCall(ask(gateway.worker, { body: bodyWith([IMAGE]) }));
  });

  test("if the decider says so", () => {
    gateway = new EncodingGateway({ encoding: { decider: wire.DECIDE_NEVER } });
    expectNoCall(ask(gateway.worker, { body: bodyWith([IMAGE]) }));
  });

  test("if they are more than can be asked for, which is counted", () => {
    const many = Array.from({ length: 17 }, (_, at) => imageOf(`https://a.example/${at}.png`));
    const request = ask(gateway.worker, { body: bodyWith(many) });
    expectNoCall(request);
    expect(sentBody(request)).toBe(bodyWith(many));
    expect(gateway.counter("encodes_refused")).toBe(1);
  });

  test("as sixteen can be asked for", () => {
    const many = Array.from({ length: 16 }, (_, at) => imageOf(`https://a.example/${at}.png`));
    const request = ask(gateway.worker, { body: bodyWith(many) });
    expect(gateway.legs.length).toBe(16);
    for (let at = 0; at < 16; at++) gateway.answerLeg(answerOf(`h${at}`));
    expect(Object.keys(JSON.parse(sentBody(request)).ec_transfer_params).length).toBe(16);
  });

  test("if one is larger than a call's body may be", () => {
    const large = imageOf(`data:image/png;base64,${"A".repeat(4 * 1024 * 1024)}`);
    expectNoCall(ask(gateway.worker, { body: bodyWith([large]) }));
  });

  test("under the attachment that cannot hold a request", () => {
    const endpoints = [
      { slot: 4, roles: wire.ROLE_ENCODE },
      { slot: 2, roles: wire.ROLE_DECODE },
    ];
    const disaggregation = { decider: wire.DECIDE_NEVER, encoding: {} };
    const hints = tableOf(0, { endpoints }, { disaggregation });
    const buffered = new FilteredGateway({ hints, clusters: ["pool"], attachment: "buffer" });
    ask(buffered.worker, { body: bodyWith([IMAGE]) });
    expect(buffered.callsTo("pool")).toEqual([]);
  });
});
