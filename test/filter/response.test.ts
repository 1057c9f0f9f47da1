import { beforeEach, describe, expect, test } from "vitest";
import {
  DONE_FLAG_LOCAL,
  DONE_FLAG_STREAMED,
  DONE_FLAG_UNREAD,
  NO_COUNT,
} from "../../protocol/records.ts";
import { ask, beginResponse, destinationsOf, HEADERS, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import type { SentDone } from "../support/frames-read.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const USAGE = {
  prompt_tokens: 100,
  completion_tokens: 20,
  prompt_tokens_details: { cached_tokens: 64 },
};
const EVENTS = [
  `data: ${JSON.stringify({ choices: [{ delta: { content: "a" } }], usage: null })}\n\n`,
  `data: ${JSON.stringify({ choices: [], usage: USAGE })}\n\n`,
  "data: [DONE]\n\n",
];

let gateway: FilteredGateway;
let request: GatewayRequest;
beforeEach(() => {
  gateway = new FilteredGateway();
  request = ask(gateway.worker);
});

/** What the control plane is told of the request. */
function done(): SentDone {
  gateway.run(100);
  return gateway.told.dones.at(-1)!;
}

const counts = { promptTokens: 100, cachedTokens: 64, completionTokens: 20 };
const none = { promptTokens: NO_COUNT, cachedTokens: NO_COUNT, completionTokens: NO_COUNT };

describe("token counts are read", () => {
  test("from JSON in one piece", () => {
    serve(request, {}, JSON.stringify({ usage: USAGE }));
    expect(done()).toMatchObject(counts);
  });

  test("from JSON cut at every byte", () => {
    beginResponse(request);
    for (const byte of JSON.stringify({ id: "x", usage: USAGE })) request.responseBody(byte);
    request.responseBody("", true);
    request.done();
    expect(done()).toMatchObject(counts);
  });

  test("from JSON larger than what is copied at once", () => {
    const body = JSON.stringify({ data: "x".repeat(300_000), usage: USAGE });
    serve(request, {}, body);
    expect(done()).toMatchObject(counts);
    expect(request.sentToClient.bodyText).toBe(body);
  });

  test("from a stream's events, which pass unheld and unchanged", () => {
    beginResponse(request, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
    for (const [index, event] of EVENTS.entries()) {
      request.responseBody(event);
      expect(request.sentToClient.bodyText).toBe(EVENTS.slice(0, index + 1).join(""));
    }
    request.responseBody("", true);
    request.done();
    expect(done()).toMatchObject({ ...counts, flags: DONE_FLAG_STREAMED });
  });
});

describe("a stream whose request asks for no counts", () => {
  const STREAM = { headers: { "content-type": "text/event-stream" } };
  const [CONTENT = "", COUNTS = "", DONE = ""] = EVENTS;

  function readsOf({ path = HEADERS[":path"]!, asks = false, tells = false }) {
    const options = asks ? { stream_options: { include_usage: true } } : {};
    const messages = [{ role: "user", content: "hello" }];
    const body = JSON.stringify({ model: "llama", messages, stream: true, ...options });
    const streamed = ask(gateway.worker, { headers: { ":path": path }, body });
    beginResponse(streamed, STREAM);
    for (const event of [CONTENT, ...(tells ? [COUNTS] : []), DONE]) streamed.responseBody(event);
    streamed.responseBody("", true);
    streamed.done();
    const reads = streamed.ledger.lines().filter((line) => line.includes("HttpResponseBody"));
    return reads.length;
  }

  test("is not read, but for a sample", () => {
    expect(readsOf({})).toBe(2);
    const later = Array.from({ length: 16 }, () => readsOf({}));
    expect(later).toEqual([...Array(15).fill(0), 2]);
  });

  test("is read while the sample tells counts nevertheless", () => {
    for (let times = 0; times < 5; times++) expect(readsOf({ tells: true })).toBe(3);
    expect(done()).toMatchObject(counts);
    expect(readsOf({})).toBe(2);
    expect(readsOf({ tells: true })).toBe(0);
    expect(done()).toMatchObject(none);
  });

  test("leaves those be read that ask, and those of APIs that always tell", () => {
    expect(readsOf({})).toBe(2);
    expect(readsOf({ asks: true, tells: true })).toBe(3);
    expect(done()).toMatchObject(counts);
    for (const path of ["/v1/responses", "/v1/messages"]) expect(readsOf({ path })).toBe(2);
  });
});

describe("token counts are not told", () => {
  test.each([
    ["that has none", {}, "{}"],
    ["that is compressed", { "content-encoding": "gzip" }, JSON.stringify({ usage: USAGE })],
    ["that is no JSON", { "content-type": "text/plain" }, JSON.stringify({ usage: USAGE })],
    ["whose JSON is broken", {}, `{"usage":{"prompt_tokens":`],
  ])("of a response %s", (_, headers, body) => {
    serve(request, { headers }, body);
    expect(done()).toMatchObject(none);
  });

  test("of an error", () => {
    serve(request, { status: 400 }, JSON.stringify({ usage: USAGE }));
    expect(done()).toMatchObject({ ...none, status: 400 });
  });

  test("of an earlier request whose record is used again", () => {
    serve(request, {}, JSON.stringify({ usage: USAGE }));
    serve(ask(gateway.worker), {}, "{}");
    expect(done()).toMatchObject(none);
  });
});

test("a response that is only headers ends a request like any other", () => {
  request.setProperties({
    "upstream.address": destinationsOf(request)[0]!,
    "response.code_details": "via_upstream",
  });
  request.responseHeaders({ ":status": "204" }, true);
  request.done();
  expect(done()).toMatchObject({ status: 204, flags: 0, firstByteMs: 0 });
  expect(gateway.flightGauges()).toEqual({});
});

test("a body that could not be read as a prompt is told as such", () => {
  serve(ask(gateway.worker, { body: "not json" }));
  expect(done()).toMatchObject({ flags: DONE_FLAG_UNREAD, promptBytes: 0 });
});

test("a reply of the gateway is told as such", () => {
  request.setProperties({ "response.flags": 2, "response.code_details": "no_healthy_upstream" });
  request.respondLocally({ status: 503 });
  request.done();
  expect(done()).toMatchObject({ status: 503, flags: DONE_FLAG_LOCAL });
});
