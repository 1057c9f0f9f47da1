import { beforeEach, describe, expect, test } from "vitest";
import { ask, beginResponse, chatBody, destinationsOf, HEADERS, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const PROMPT = "tell me of the sea ".repeat(200);
const BLOCK_BYTES = 1024;
const REMOTE_RESET = 1 << 4;
const DOWNSTREAM_GONE = 1 << 14;

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway();
});

/** Slot of the endpoint a request goes to. */
function slotOf(request: GatewayRequest): number {
  return [0, 1, 2].findIndex((slot) => addressOf(slot) === destinationsOf(request)[0]);
}

function gauges(slot: number): [number, number] {
  gateway.run(300);
  const read = (what: string) => gateway.metric(`hintway.slot_${slot}.machine_0.${what}`) ?? 0;
  return [read("requests"), read("prefill_bytes")];
}

describe("a request is in flight", () => {
  test("from its pick, with the prompt bytes the endpoint has to read", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const [requests, bytes] = gauges(slotOf(request));
    expect(requests).toBe(1);
    expect(bytes).toBeGreaterThanOrEqual(PROMPT.length);
    expect(bytes).toBeLessThan(PROMPT.length + 100);
  });

  test("with its prefill until the first byte of the response's body, not its headers", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const slot = slotOf(request);
    beginResponse(request);
    expect(gauges(slot)[1]).toBeGreaterThan(0);
    request.responseBody("");
    expect(gauges(slot)[1]).toBeGreaterThan(0);
    request.responseBody("data: 1\n\n");
    expect(gauges(slot)).toEqual([1, 0]);
    request.responseBody("data: 2\n\n", true);
    expect(gauges(slot)).toEqual([1, 0]);
    request.done();
    expect(gauges(slot)).toEqual([0, 0]);
  });

  test("with less prefill where the endpoint holds the prompt already", () => {
    serve(ask(gateway.worker, { prompt: PROMPT }));
    const request = ask(gateway.worker, { prompt: PROMPT });
    const [requests, bytes] = gauges(slotOf(request));
    expect(requests).toBe(1);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(BLOCK_BYTES);
  });
});

describe("nothing is in flight after a request that", () => {
  const endings: [string, (request: GatewayRequest) => void][] = [
    ["ended", (request) => serve(request)],
    ["the client left before response headers", (request) => leave(request)],
    [
      "the client left in mid-stream",
      (request) => {
        beginResponse(request);
        request.responseBody("data: 1\n\n");
        leave(request);
      },
    ],
    [
      "the client left between response headers and body",
      (request) => {
        beginResponse(request);
        leave(request);
      },
    ],
    ["failed on every endpoint", (request) => fail(request)],
    ["got no response at all", (request) => request.done()],
    ["another endpoint served", (request) => serve(request, { address: addressOf(1) })],
  ];
  test.each(endings)("%s", (_, end) => {
    end(ask(gateway.worker, { prompt: PROMPT }));
    expect(gateway.flightGauges()).toEqual({});
    expect(gateway.worker.requestCount).toBe(0);
  });

  test("the client left before the pick", () => {
    const request = gateway.worker.startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody(chatBody(PROMPT).slice(0, 2_000));
    leave(request);
    expect(gateway.flightGauges()).toEqual({});
    expect(gateway.told.dones.map((done) => done.slot)).toEqual([0xffff_ffff]);
  });

  test("was on an endpoint that has left the table since", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.hint(tableOf(0));
    serve(request);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("was on a slot that has another endpoint since", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const endpoints = [0, 1, 2].map((slot) => ({ slot, address: `10.7.0.${slot}:80` }));
    gateway.hint(tableOf(0, { endpoints }));
    expect(gateway.flightGauges()).toEqual({});
    serve(request, { address: addressOf(0) });
    expect(gateway.flightGauges()).toEqual({});
  });
});

describe("a stream that is cut", () => {
  test("by its endpoint is counted, and the endpoint is not picked again", () => {
    const request = ask(gateway.worker);
    const [picked] = destinationsOf(request);
    beginResponse(request);
    request.responseBody("data: 1\n\n");
    request.setProperties({ "response.flags": REMOTE_RESET });
    request.reset();
    request.done();
    for (let times = 0; times < 20; times++) {
      expect(destinationsOf(ask(gateway.worker))).not.toContain(picked);
    }
    expect(gateway.counter("streams_cut")).toBe(1);
    expect(gateway.counter("endpoint_failures")).toBe(1);
  });

  test("by its client says nothing against the endpoint", () => {
    const request = ask(gateway.worker);
    beginResponse(request);
    leave(request);
    expect(gateway.counter("streams_cut")).toBe(0);
    expect(gateway.counter("endpoint_failures")).toBe(0);
  });

  test("is none where it ended with trailers", () => {
    const request = ask(gateway.worker);
    beginResponse(request);
    request.responseBody("data: 1\n\n");
    request.responseTrailers({ "x-end": "1" });
    request.done();
    expect(gateway.counter("streams_cut")).toBe(0);
  });
});

function leave(request: GatewayRequest): void {
  request.setProperties({ "response.flags": DOWNSTREAM_GONE });
  request.reset();
  request.done();
}

function fail(request: GatewayRequest): void {
  request.setProperties({
    "response.flags": REMOTE_RESET,
    "response.code_details": "upstream_reset_before_response_started{remote_reset}",
    "upstream.address": destinationsOf(request).at(-1)!,
  });
  request.respondLocally({ status: 503, body: "upstream connect error" });
  request.done();
}
