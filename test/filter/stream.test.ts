import { describe, expect, test } from "vitest";
import { ask, chatBody, DESTINATION, destinationsOf, HEADERS } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, tableOf } from "../support/hints-written.ts";
import { DataStatus, HeadersStatus } from "../support/host-emulator/abi.ts";

const ADDRESSES = [0, 1, 2].map(addressOf);

describe("a request under attachment A", () => {
  test("is held until its body ends, then goes out with the endpoints to try in order", () => {
    const request = new FilteredGateway().worker.startRequest();
    const body = chatBody("x".repeat(3_000));
    expect(request.requestHeaders(HEADERS)).toBe(HeadersStatus.StopIteration);
    expect(request.requestBody(body.slice(0, 1_000))).toBe(DataStatus.StopIterationAndBuffer);
    expect(request.sentToEndpoint.headers).toBeUndefined();
    expect(request.requestBody(body.slice(1_000), true)).toBe(DataStatus.Continue);
    expect(destinationsOf(request).sort()).toEqual(ADDRESSES);
    expect(request.sentToEndpoint.bodyText).toBe(body);
  });

  test("names as many fallbacks as the settings ask for", () => {
    const gateway = new FilteredGateway({ hints: tableOf(3, { settings: { fallbacks: 1 } }) });
    expect(destinationsOf(ask(gateway.worker))).toHaveLength(2);
  });

  test("that ends in trailers is picked at these", () => {
    const request = new FilteredGateway().worker.startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody(chatBody("hello"));
    expect(destinationsOf(request)).toEqual([]);
    request.requestTrailers({ "x-end": "1" });
    expect(destinationsOf(request)).toHaveLength(3);
  });

  test("continues without a destination while there are no hints", () => {
    const gateway = new FilteredGateway({ hints: null });
    const request = ask(gateway.worker);
    expect(request.sentToEndpoint.isComplete).toBe(true);
    expect(destinationsOf(request)).toEqual([]);
    expect(gateway.counter("picks_without_hints")).toBe(1);
  });
});

describe("a request under attachment B", () => {
  test("has its endpoint in the filter state and in no header", () => {
    const request = ask(new FilteredGateway({ attachment: "buffer" }).worker);
    const state = request.filterState.get("envoy.network.transport_socket.original_dst_address");
    expect(ADDRESSES).toContain(state?.value);
    expect(request.sentToEndpoint.headers?.has(DESTINATION)).toBe(false);
    expect(request.sentToEndpoint.isComplete).toBe(true);
  });

  test("lets headers go on to the buffer filter and holds the body", () => {
    const request = new FilteredGateway({ attachment: "buffer" }).worker.startRequest();
    expect(request.requestHeaders(HEADERS)).toBe(HeadersStatus.Continue);
    expect(request.requestBody("{")).toBe(DataStatus.StopIterationAndBuffer);
    expect(request.requestBody("}", true)).toBe(DataStatus.Continue);
  });

  test("is refused while there are no hints", () => {
    const gateway = new FilteredGateway({ attachment: "buffer", hints: null });
    const request = ask(gateway.worker);
    expect(request.localResponse?.status).toBe(503);
    request.done();
  });
});

describe("a request that is no readable prompt is picked by load", () => {
  test.each([
    ["without a body", { ":method": "GET", ":path": "/v1/models" }, null],
    ["for a path that is no known API", { ":path": "/v1/files" }, "data"],
    ["with a compressed body", { "content-encoding": "gzip" }, "\x1f\x8b"],
    ["with a body that is not JSON", {}, "not json"],
    ["with an empty body", {}, ""],
  ])("%s", (_, headers, body) => {
    const gateway = new FilteredGateway();
    const request = gateway.worker.startRequest();
    request.requestHeaders({ ...HEADERS, ...headers }, body === null);
    if (body !== null) request.requestBody(body, true);
    expect(destinationsOf(request)).toHaveLength(3);
    expect(request.sentToEndpoint.isComplete).toBe(true);
    request.done();
    expect(gateway.counter("picks_without_prompt")).toBe(1);
  });
});

describe("a request is refused", () => {
  test("with 413 where its length is said to be over the limit, before its body comes", () => {
    const gateway = new FilteredGateway({ hints: tableOf(3, { settings: { bodyBytesMax: 500 } }) });
    const request = gateway.worker.startRequest();
    request.requestHeaders({ ...HEADERS, "content-length": "501" });
    expect(request.localResponse?.status).toBe(413);
    const error = errorOf(request.localResponse!.body);
    expect(error.code).toBe("body_too_large");
    expect(error.message).toContain("larger than the 500 bytes");
    expect(gateway.counter("rejected_too_large")).toBe(1);
  });

  test("with 413 where its body grows over the limit", () => {
    const gateway = new FilteredGateway({ hints: tableOf(3, { settings: { bodyBytesMax: 500 } }) });
    const request = gateway.worker.startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody(" ".repeat(400));
    expect(request.isOver).toBe(false);
    request.requestBody(" ".repeat(101));
    expect(request.localResponse?.status).toBe(413);
  });

  test("with 429 where all bodies held are over the worker's cap, until one is let go", () => {
    const gateway = new FilteredGateway({
      hints: tableOf(3, { settings: { heldBytesMax: 1_000 } }),
    });
    const [first, second, third] = [0, 1, 2].map(() => gateway.worker.startRequest());
    for (const request of [first!, second!, third!]) request.requestHeaders(HEADERS);
    first!.requestBody(" ".repeat(600));
    second!.requestBody(" ".repeat(600));
    expect(second!.localResponse?.status).toBe(429);
    expect(errorOf(second!.localResponse!.body).code).toBe("gateway_memory");
    expect(gateway.counter("rejected_held_bytes")).toBe(1);
    first!.reset();
    first!.done();
    third!.requestBody(" ".repeat(900));
    expect(third!.isOver).toBe(false);
  });

  test("with 503 and a reason where the pool has no endpoint", () => {
    const gateway = new FilteredGateway({ hints: hintsFrame({ pools: [{}] }) });
    const { localResponse } = ask(gateway.worker);
    expect(localResponse?.status).toBe(503);
    expect(localResponse?.headers.get("content-type")).toBe("application/json");
    const reason = localResponse?.headers.get("x-llm-d-request-dropped-reason");
    expect(reason).toBe("rejected-no-endpoints");
    expect(errorOf(localResponse!.body).code).toBe("no_endpoints");
    expect(gateway.counter("rejected_no_endpoints")).toBe(1);
  });

  test("with 400 where it has more reserved members than can be blanked", () => {
    const members = Array.from({ length: 40 }, (_, index) => `"bootstrap_${index}":1`);
    const request = ask(new FilteredGateway().worker, { body: `{${members.join(",")}}` });
    expect(request.localResponse?.status).toBe(400);
  });
});

test("the pool is found by the route's cluster where there are several", () => {
  const pools = [
    { number: 0, name: "small" },
    { number: 1, name: "large" },
  ];
  const endpoints = [0, 1].map((slot) => ({ slot, pool: slot }));
  const gateway = new FilteredGateway({ hints: hintsFrame({ pools, endpoints }) });
  const destinations = ["small", "large", "other"].map((cluster) => {
    const request = gateway.worker.startRequest({ "xds.cluster_name": cluster });
    request.requestHeaders(HEADERS);
    request.requestBody(chatBody("hello"), true);
    return destinationsOf(request);
  });
  expect(destinations).toEqual([[addressOf(0)], [addressOf(1)], []]);
});

function errorOf(body: Uint8Array): { message: string; type: string; code: string } {
  return JSON.parse(Buffer.from(body).toString()).error;
}
