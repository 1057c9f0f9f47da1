import { describe, expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, serve } from "../support/asked.ts";
import { DisaggregatedGateway, ENDPOINTS } from "../support/disaggregated-gateway.ts";
import type { DisaggregationHint } from "../support/disaggregation-written.ts";
import { FilteredGateway, type GatewayOptions } from "../support/filtered-gateway.ts";
import { type EndpointHint, hintsFrame, tableOf } from "../support/hints-written.ts";

const PROMPT = "tell me of the sea ".repeat(200);
const UNCACHED: DisaggregationHint = { decider: wire.DECIDE_UNCACHED, parameters: [500, 0] };
const DECODES_ONLY = ENDPOINTS.filter(({ roles }) => roles === wire.ROLE_DECODE);

function gatewayOf(
  disaggregation: DisaggregationHint,
  endpoints: EndpointHint[] = ENDPOINTS,
  options: GatewayOptions = {},
): FilteredGateway {
  const hints = tableOf(0, { endpoints }, { disaggregation });
  return new FilteredGateway({ hints, clusters: ["pool"], ...options });
}

function preferring(gateway: FilteredGateway, prompt = PROMPT, prefer = "if-available") {
  return ask(gateway.worker, { prompt, headers: { prefer } });
}

function statusOf(gateway: FilteredGateway, prompt = PROMPT, prefer = "if-available") {
  const request = preferring(gateway, prompt, prefer);
  if (request.localResponse === undefined) serve(request);
  return request.localResponse?.status ?? 200;
}

describe("a request that prefers to be served if available is answered with 412", () => {
  test("where too much of its prompt is not cached", () => {
    const gateway = gatewayOf(UNCACHED);
    const request = preferring(gateway);
    expect(request.localResponse?.status).toBe(412);
    expect(gateway.callsTo("pool")).toEqual([]);
    request.done();
    gateway.run(100);
    const flags = wire.DONE_FLAG_LOCAL;
    expect(gateway.told.dones[0]).toMatchObject({ status: 412, reason: "unavailable", flags });
    expect(gateway.counter("rejected_unavailable")).toBe(1);
  });

  test("also by a pool that has no endpoint for prefill", () => {
    expect(statusOf(gatewayOf(UNCACHED, DECODES_ONLY))).toBe(412);
  });

  test("also under the attachment that holds no request", () => {
    expect(statusOf(gatewayOf(UNCACHED, ENDPOINTS, { attachment: "buffer" }))).toBe(412);
  });

  test("where prefill always runs elsewhere", () => {
    expect(statusOf(gatewayOf({ decider: wire.DECIDE_ALWAYS }))).toBe(412);
  });

  test("where prefill would be quicker elsewhere, and only there", () => {
    const gateway = gatewayOf({ decider: wire.DECIDE_TIME });
    expect(statusOf(gateway, "quick")).toBe(200);
    const loads = DECODES_ONLY.map(({ slot }) => ({ slot, otherBacklogBytes: 90_000 }));
    gateway.hint(hintsFrame({ loads }));
    expect(statusOf(gateway)).toBe(412);
  });
});

describe("it is decoded alone", () => {
  test("where its prompt is cached", () => {
    const gateway = new DisaggregatedGateway(UNCACHED);
    const first = ask(gateway.worker, { prompt: PROMPT });
    gateway.answerLeg();
    serve(first);
    expect(statusOf(gateway)).toBe(200);
    expect(gateway.legs).toEqual([]);
  });

  test("where its pool does not disaggregate", () => {
    expect(statusOf(new FilteredGateway({ hints: tableOf(2) }))).toBe(200);
  });

  test("in shadow mode, where nothing is refused", () => {
    const hints = tableOf(
      0,
      { endpoints: ENDPOINTS, settings: { mode: "shadow" } },
      { disaggregation: UNCACHED },
    );
    expect(statusOf(new FilteredGateway({ hints }))).toBe(200);
  });
});

test.each([
  ["If-Available", 412],
  ["return=minimal, if-available;a=b", 412],
  ["respond-async ,\tif-available=1", 412],
  ["if-available , x", 412],
  ["if-availability", 200],
  ["x-if-available", 200],
  ["if-availabl", 200],
  [",", 200],
  ["", 200],
])("of the preferences %o that one is looked for: %i", (prefer, status) => {
  const gateway = gatewayOf(UNCACHED, DECODES_ONLY);
  expect(statusOf(gateway, PROMPT, prefer)).toBe(status);
});
