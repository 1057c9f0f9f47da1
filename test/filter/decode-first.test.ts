import { beforeEach, describe, expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, beginResponse, DESTINATION, destinationsOf, serve } from "../support/asked.ts";
import { DECODES, DisaggregatedGateway, ENDPOINTS } from "../support/disaggregated-gateway.ts";
import { addressOf, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const PROMPT = "tell me of the sea ".repeat(200);
const CONNECTOR = { connector: wire.CONNECTOR_SHARED_STORAGE };
const DECODE_ADDRESSES = DECODES.map(addressOf);
const ENOUGH =
  '{"choices":[{"finish_reason":"length"}],"usage":{"prompt_tokens_details":{"cached_tokens":900}}}';
const TOO_LITTLE = '{"choices":[{"index":0,"finish_reason":"cache_threshold"}],"usage":null}';
const LIMITS = { stream: false, max_tokens: 1, max_completion_tokens: 1, min_tokens: 1 };

let gateway: DisaggregatedGateway;
let request: GatewayRequest;

const bodyOf = (more: string) =>
  `{${more}"stream": true, "max_tokens": 70, "messages": [{"role":"user","content":"${PROMPT}"}]}`;

function begin(more = '"cache_hit_threshold": 0.80 , ', disaggregation = {}): void {
  gateway = new DisaggregatedGateway({ ...CONNECTOR, tries: 1, ...disaggregation });
  request = ask(gateway.worker, { body: bodyOf(more) });
}

const bodyOfLeg = () => JSON.parse(Buffer.from(gateway.leg.body).toString());
const addressOfLeg = () => gateway.leg.headers.get(DESTINATION);
const bodySent = () => request.sentToEndpoint.bodyText;
const WITHOUT = bodyOf('"cache_hit_threshold": 0 , ');

beforeEach(() => begin());

describe("a request with a threshold of cache hits has decode asked first", () => {
  test("for one token, with the threshold", () => {
    expect(DECODE_ADDRESSES).toContain(addressOfLeg());
    const messages = [{ role: "user", content: PROMPT }];
    expect(bodyOfLeg()).toEqual({ messages, cache_hit_threshold: 0.8, ...LIMITS });
  });

  test("and goes to that endpoint if it holds enough, without the threshold, as it was", () => {
    const asked = addressOfLeg();
    gateway.answerLeg(ENOUGH);
    expect(gateway.legs).toEqual([]);
    expect(destinationsOf(request)[0]).toBe(asked);
    expect(bodySent()).toBe(WITHOUT);
    serve(request);
    gateway.run(100);
    expect(gateway.told.legs.map(({ outcome }) => outcome)).toEqual([wire.LEG_CACHED]);
    expect(gateway.told.dones[0]!.flags & wire.DONE_FLAG_DISAGGREGATED).toBe(0);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("and goes there whatever waits there by then", () => {
    const asked = DECODES.find((slot) => addressOf(slot) === addressOfLeg())!;
    const endpoints = ENDPOINTS.map((one) =>
      one.slot === asked ? { ...one, otherBacklogBytes: 500_000, otherRequests: 40 } : one,
    );
    gateway.hint(tableOf(0, { endpoints }, { disaggregation: CONNECTOR }));
    gateway.answerLeg(ENOUGH);
    expect(destinationsOf(request)).toEqual([
      addressOf(asked),
      ...DECODE_ADDRESSES.filter((address) => address !== addressOf(asked)),
    ]);
  });

  test("and is prefilled elsewhere if it holds too little", () => {
    gateway.answerLeg(TOO_LITTLE);
    expect(DECODE_ADDRESSES).not.toContain(addressOfLeg());
    const messages = [{ role: "user", content: PROMPT }];
    expect(bodyOfLeg()).toEqual({ messages, cache_hit_threshold: 0, ...LIMITS });
    gateway.answerLeg("{}");
    expect(DECODE_ADDRESSES).toContain(destinationsOf(request)[0]);
    expect(bodySent()).toBe(WITHOUT);
    serve(request);
    gateway.run(100);
    const outcomes = gateway.told.legs.map(({ outcome }) => outcome);
    expect(outcomes).toEqual([wire.LEG_UNCACHED, wire.LEG_SERVED]);
    expect(gateway.flightGauges()).toEqual({});
  });

  test.each([
    ["an error", "{}", 500],
    ["no JSON", "{", 200],
  ])("and is prefilled elsewhere if it answers %s", (_, answer, status) => {
    gateway.answerLeg(answer, status);
    expect(DECODE_ADDRESSES).not.toContain(addressOfLeg());
  });

  test("and decodes alone without the threshold if prefill fails then", () => {
    gateway.answerLeg(TOO_LITTLE);
    gateway.answerLeg("{}", 500);
    expect(bodySent()).toBe(WITHOUT);
  });

  test("and goes to prefill if the endpoint that was asked has left", () => {
    const asked = addressOfLeg();
    gateway.run(20);
    const endpoints = ENDPOINTS.filter(({ slot }) => addressOf(slot) !== asked);
    gateway.hint(tableOf(0, { endpoints }, { disaggregation: CONNECTOR }));
    gateway.answerLeg(ENOUGH);
    expect(DECODE_ADDRESSES).not.toContain(addressOfLeg());
    gateway.answerLeg("{}");
    expect(DECODE_ADDRESSES).toContain(destinationsOf(request)[0]);
  });

  test("and the cached tokens that it tells are those that the client is told", () => {
    begin('"cache_hit_threshold":1e-1,"stream_options":{"include_usage":true},');
    gateway.answerLeg(ENOUGH);
    beginResponse(request, { headers: { "content-type": "application/json" } });
    const usage = (cached: number) =>
      `{"usage":{"prompt_tokens":950,"prompt_tokens_details":{"cached_tokens":${cached}}}}`;
    request.responseBody(usage(949), true);
    expect(request.sentToClient.bodyText).toBe(usage(900));
  });

  test("and the endpoint that was asked holds its prompt from then on, if it has read it", () => {
    gateway.answerLeg(ENOUGH);
    const asked = destinationsOf(request)[0];
    serve(request);
    expect(destinationsOf(ask(gateway.worker, { body: bodyOf("") }))[0]).toBeUndefined();
    gateway.answerLeg("{}", 500);
    gateway.hint(tableOf(0, { endpoints: ENDPOINTS }));
    expect(destinationsOf(ask(gateway.worker, { body: bodyOf("") }))[0]).toBe(asked);
  });

  test("and what is computed for a client that has left is counted until it ends", () => {
    request.reset();
    request.done();
    gateway.run(300);
    expect(gateway.flightGauges()).not.toEqual({});
    gateway.answerLeg(ENOUGH);
    gateway.run(300);
    expect(gateway.flightGauges()).toEqual({});
    expect(gateway.told.legs.map(({ outcome }) => outcome)).toEqual([wire.LEG_IN_VAIN]);
  });

  test("and explains so", () => {
    const headers = { "x-hintway-explain": "1" };
    gateway = new DisaggregatedGateway(CONNECTOR);
    request = ask(gateway.worker, { body: bodyOf('"cache_hit_threshold":0.5,'), headers });
    gateway.answerLeg(ENOUGH);
    beginResponse(request);
    const explanation = JSON.parse(request.sentToClient.headers!.get("x-hintway-explain")!);
    expect(explanation.disaggregation).toMatchObject({
      decision: "decode-only",
      decodeFirst: "cached",
    });
  });
});

describe("decode is not asked first", () => {
  test.each([
    ["that is 0", '"cache_hit_threshold":0,'],
    ["that is null", '"cache_hit_threshold":null,'],
    ["of a text", '"cache_hit_threshold":"0.5",'],
    ["within another member", '"metadata":{"cache_hit_threshold":0.5},'],
    ["that is taken back", '"cache_hit_threshold":0.5,"cache_hit_threshold":0,'],
    ["none at all", ""],
  ])("for a threshold %s", (_, more) => {
    begin(more);
    expect(DECODE_ADDRESSES).not.toContain(addressOfLeg());
    gateway.answerLeg("{}");
    expect(bodySent()).toBe(bodyOf(more));
  });

  test("where caches are handed over by parameters, which tell decode of them", () => {
    begin(undefined, { connector: wire.CONNECTOR_NIXL });
    expect(DECODE_ADDRESSES).not.toContain(addressOfLeg());
  });

  test("where prefill is not to run elsewhere", () => {
    begin(undefined, { decider: wire.DECIDE_NEVER });
    expect(gateway.legs).toEqual([]);
    expect(bodySent()).toBe(bodyOf('"cache_hit_threshold": 0.80 , '));
  });
});
