import { beforeEach, describe, expect, test } from "vitest";
import { ask, beginResponse, chatBody, HEADERS } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { tableOf } from "../support/hints-written.ts";
import type { Ledger } from "../support/host-emulator/ledger.ts";

// Every host call costs the request a crossing between the filter and Envoy: one more fails here.

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway({ hints: tableOf(1, { settings: { fallbacks: 0 } }) });
});

/** `request_body: get_buffer_bytes(HttpRequestBody, 0, 64)` */
function lines(ledger: Ledger): string[] {
  return ledger.lines().map((line) => line.replace(/^proxy_on_(\w+): proxy_/, "$1: "));
}

const BODY_BYTES = chatBody("hello").length;
const PICKED = [
  "request_headers: get_current_time_nanoseconds()",
  "request_headers: get_header_map_pairs(RequestHeaders)",
  `request_body: get_buffer_bytes(HttpRequestBody, 0, ${BODY_BYTES})`,
  "request_body: replace_header_map_value" +
    "(RequestHeaders, x-gateway-destination-endpoint, 10.0.0.1:8000)",
];
const SILENT = { headers: { "x-envoy-attempt-count": "" } };
const ANSWERED = [
  "response_headers: get_header_map_pairs(ResponseHeaders)",
  "response_headers: get_property(upstream.address)",
];

describe("the host calls of", () => {
  test("a small chat request with its response are these", () => {
    const request = ask(gateway.worker);
    beginResponse(request);
    request.responseBody("{}", true);
    request.done();
    expect(lines(request.ledger)).toEqual([
      ...PICKED,
      ...ANSWERED,
      "response_body: get_current_time_nanoseconds()",
      "response_body: get_buffer_bytes(HttpResponseBody, 0, 2)",
      "done: get_current_time_nanoseconds()",
    ]);
  });

  test("an answer at the first try are one fewer, of an endpoint that was just reached", () => {
    beginResponse(ask(gateway.worker));
    const request = ask(gateway.worker);
    beginResponse(request);
    expect(lines(request.ledger)).toEqual([...PICKED, ANSWERED[0]]);
  });

  test.each([
    ["at the second try", { attempts: 2 }, 0],
    ["of Envoy's own", { status: 503 }, 0],
    ["of an endpoint that was not reached for a while", {}, 200],
    ["of a route that does not say how many tries there were", SILENT, 0],
  ])("an answer %s include who served", (_, serving, passedMs) => {
    beginResponse(ask(gateway.worker));
    gateway.run(passedMs);
    const request = ask(gateway.worker);
    beginResponse(request, serving);
    expect(lines(request.ledger)).toContain(ANSWERED[1]);
  });

  test("a streamed answer are these, one a chunk", () => {
    const request = ask(gateway.worker);
    beginResponse(request, { headers: { "content-type": "text/event-stream" } });
    for (let chunk = 0; chunk < 3; chunk++) request.responseBody("data: {}\n\n");
    request.responseBody("", true);
    request.done();
    expect(lines(request.ledger)).toEqual([
      ...PICKED,
      ...ANSWERED,
      "response_body: get_current_time_nanoseconds()",
      "response_body: get_buffer_bytes(HttpResponseBody, 0, 10)",
      "response_body: get_buffer_bytes(HttpResponseBody, 0, 10)",
      "response_body: get_buffer_bytes(HttpResponseBody, 0, 10)",
      "done: get_current_time_nanoseconds()",
    ]);
  });

  test("a body that comes in pieces are one read of each, of its own bytes only", () => {
    const request = gateway.worker.startRequest();
    request.requestHeaders(HEADERS);
    for (const piece of [0, 1, 2]) request.requestBody(" ".repeat(100), piece === 2);
    const reads = lines(request.ledger).filter((line) => line.includes("get_buffer_bytes"));
    expect(reads).toEqual([
      "request_body: get_buffer_bytes(HttpRequestBody, 0, 100)",
      "request_body: get_buffer_bytes(HttpRequestBody, 100, 100)",
      "request_body: get_buffer_bytes(HttpRequestBody, 200, 100)",
    ]);
  });

  test("a request without a body are these", () => {
    const request = gateway.worker.startRequest();
    request.requestHeaders({ ...HEADERS, ":method": "GET", ":path": "/v1/models" }, true);
    expect(request.ledger.names()).toEqual([
      "proxy_get_current_time_nanoseconds",
      "proxy_get_header_map_pairs",
      "proxy_replace_header_map_value",
    ]);
  });

  test("a request under attachment B are as many", () => {
    gateway = new FilteredGateway({ attachment: "buffer" });
    expect(ask(gateway.worker).ledger.names()).toEqual([
      "proxy_get_current_time_nanoseconds",
      "proxy_get_header_map_pairs",
      "proxy_get_buffer_bytes",
      "proxy_call_foreign_function",
    ]);
  });

  test("a look at a request that waits for its answer are these, told by its tick", () => {
    gateway = new FilteredGateway();
    const request = ask(gateway.worker);
    request.ledger.clear();
    gateway.run(10);
    gateway.worker.ledger.clear();
    gateway.run(5);
    const names = gateway.worker.ledger.entries.map(({ call, operands }) => [call, ...operands]);
    const from = names.findIndex(([call]) => call === "proxy_set_effective_context");
    expect(names.slice(from, from + 3)).toEqual([
      ["proxy_set_effective_context", request.id],
      ["proxy_get_property", "upstream.request_attempt_count"],
      ["proxy_set_effective_context", gateway.worker.rootId],
    ]);
  });

  test("a second without traffic are ten ticks of the time, heartbeats, lease and gauges", () => {
    gateway.run(1_000);
    const { ledger } = gateway.worker;
    ledger.clear();
    gateway.run(1_000);
    const calls: Record<string, number> = {};
    for (const { call, operands } of ledger.entries) {
      const line = [call.replace("proxy_", ""), ...operands.slice(0, 1)].join(" ");
      calls[line] = (calls[line] ?? 0) + 1;
    }
    expect(calls).toEqual({
      get_current_time_nanoseconds: 10,
      "get_shared_data hintway:machine:0": 3,
      "set_shared_data hintway:machine:0": 3,
      "get_shared_data hintway:machine:1": 3,
      "get_shared_data hintway:lease": 5,
      "set_shared_data hintway:lease": 5,
      "record_metric hintway.machine_0.index_keys": 3,
      "record_metric hintway.machine_0.index_keys_refused": 3,
    });
  });
});

test("picks are told to other workers in one message a tick, whatever their number", () => {
  gateway = new FilteredGateway({ workers: 3 });
  const [, worker] = gateway.workers;
  gateway.run(20);
  worker!.ledger.clear();
  for (let times = 0; times < 50; times++) ask(worker!, { prompt: `${times}` });
  gateway.advance(5);
  const names = worker!.ledger.names();
  expect(names.filter((name) => name === "proxy_enqueue_shared_queue")).toHaveLength(2);
});
