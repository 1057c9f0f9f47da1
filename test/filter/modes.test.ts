import { beforeEach, describe, expect, test } from "vitest";
import { FILTER_LABEL } from "../../protocol/profile.ts";
import { DONE_FLAG_LOCAL, DONE_FLAG_SHADOW, NO_SLOT, STATE_DOWN } from "../../protocol/records.ts";
import { ask, beginResponse, chatBody, DESTINATION, HEADERS, serve } from "../support/asked.ts";
import { DECODES, ENDPOINTS } from "../support/disaggregated-gateway.ts";
import { FilteredGateway, type GatewayOptions } from "../support/filtered-gateway.ts";
import { addressOf, type HintsHint, tableOf } from "../support/hints-written.ts";
import { DataStatus, HeadersStatus } from "../support/host-emulator/abi.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const PROMPT = "tell me of the mountains ".repeat(200);
const ADDRESS_STATE = "envoy.network.transport_socket.original_dst_address";
const SLOTS = [0, 1, 2];
const CONTINUE = HeadersStatus.Continue;

type Mode = "active" | "shadow" | "off";

function gatewayIn(mode: Mode, options: GatewayOptions = {}, hints: HintsHint = {}) {
  const settings = { mode, ...hints.settings };
  return new FilteredGateway({ hints: tableOf(SLOTS.length, { ...hints, settings }), ...options });
}

function destinationOf(request: GatewayRequest): string | undefined {
  return request.sentToEndpoint.headers?.get(DESTINATION);
}

function drawnBy(request: GatewayRequest): string | undefined {
  return request.filterState.get(ADDRESS_STATE)?.value;
}

let gateway: FilteredGateway;

describe("switched off", () => {
  beforeEach(() => {
    gateway = gatewayIn("off");
  });

  test("a request passes with its headers, its body unread, and nothing is counted or told", () => {
    const request = gateway.worker.startRequest();
    expect(request.requestHeaders({ ...HEADERS, [DESTINATION]: "1.2.3.4:5" })).toBe(CONTINUE);
    expect(request.requestBody(chatBody(PROMPT), true)).toBe(DataStatus.Continue);
    expect(destinationOf(request)).toBeUndefined();
    beginResponse(request, { address: addressOf(1) });
    request.responseBody("{}", true);
    request.done();
    expect(request.ledger.names()).toEqual([
      "proxy_get_header_map_pairs",
      "proxy_remove_header_map_value",
    ]);
    expect(gateway.counter("requests_passed_by")).toBe(1);
    expect(gateway.counter("headers_stripped")).toBe(1);
    expect(gateway.told.dones).toEqual([]);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("members that only the gateway may set pass, as no body is read", () => {
    const body = '{"model":"llama","prompt":"","kv_transfer_params":{"a":1}}';
    const request = ask(gateway.worker, { body });
    expect(Buffer.from(request.sentToEndpoint.body).toString()).toBe(body);
  });

  test("requests that are under way keep what they count for, and end", () => {
    gateway = gatewayIn("active");
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request);
    gateway.hint(tableOf(SLOTS.length, { settings: { mode: "off" } }));
    expect(Object.keys(gateway.flightGauges())).not.toEqual([]);
    request.responseBody("{}", true);
    request.done();
    expect(gateway.flightGauges()).toEqual({});
    expect(gateway.told.dones).toHaveLength(1);
  });

  test("under attachment B each request goes to one of the endpoints that are up, drawn by lot", () => {
    const endpoints = SLOTS.map((slot) => ({ slot, ...(slot === 1 && { state: STATE_DOWN }) }));
    gateway = gatewayIn("off", { attachment: "buffer" }, { endpoints });
    const counts = new Map<string | undefined, number>();
    for (let times = 0; times < 60; times++) {
      const request = gateway.worker.startRequest();
      expect(request.requestHeaders(HEADERS)).toBe(CONTINUE);
      const address = drawnBy(request);
      counts.set(address, (counts.get(address) ?? 0) + 1);
      request.done();
    }
    expect([...counts.keys()].sort()).toEqual([addressOf(0), addressOf(2)]);
    for (const count of counts.values()) expect(count).toBeGreaterThan(15);
  });

  test("under attachment B a request gets a 503 where no endpoint is up", () => {
    const endpoints = SLOTS.map((slot) => ({ slot, state: STATE_DOWN }));
    gateway = gatewayIn("off", { attachment: "buffer" }, { endpoints });
    const request = gateway.worker.startRequest();
    request.requestHeaders(HEADERS);
    expect(request.localResponse?.status).toBe(503);
  });
});

describe("in shadow mode", () => {
  beforeEach(() => {
    gateway = gatewayIn("shadow");
  });

  test("a request has no destination, and is counted where it was served", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    expect(request.isOver).toBe(false);
    expect(destinationOf(request)).toBeUndefined();
    expect(gateway.flightGauges()).toEqual({});
    beginResponse(request, { address: addressOf(2) });
    expect(gateway.flightGauges()).toMatchObject({ "hintway.slot_2.machine_0.requests": 1 });
    request.responseBody("{}", true);
    request.done();
    expect(gateway.flightGauges()).toEqual({});
    const [done] = gateway.told.dones;
    expect(done).toMatchObject({ slot: 2, flags: DONE_FLAG_SHADOW, reason: "load" });
    expect(SLOTS).toContain(done!.pickedSlot);
  });

  test("it is counted on the endpoint that Envoy has chosen while it waits for its answer", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    request.setProperties({ "upstream.address": addressOf(1) });
    gateway.run(20);
    const gauge = (slot: number) => `hintway.slot_${slot}.machine_0.prefill_bytes`;
    expect(gateway.flightGauges()[gauge(1)]).toBeGreaterThan(4_000);
    beginResponse(request, { address: addressOf(0), attempts: 2 });
    const gauges = gateway.flightGauges();
    expect(gauges[gauge(1)]).toBeUndefined();
    expect(gauges[gauge(0)]).toBeGreaterThan(4_000);
    request.done();
  });

  test("the prompt is believed to be cached where it was served, and the pick says what it would find", () => {
    serve(ask(gateway.worker, { prompt: PROMPT }), { address: addressOf(2) });
    const request = ask(gateway.worker, { prompt: PROMPT });
    serve(request, { address: addressOf(0) });
    gateway.run(100);
    const { promptBytes, ...done } = gateway.told.dones.at(-1)!;
    expect(done).toMatchObject({ slot: 0, pickedSlot: 2, matchedBytes: 0, reason: "prefix" });
    expect(done.pickedMatchedBytes).toBeGreaterThan(0.7 * promptBytes);
  });

  test("it is counted how often Envoy's own policy chose the pick", () => {
    serve(ask(gateway.worker, { prompt: PROMPT }), { address: addressOf(2) });
    const before = gateway.counter("shadow_agreed");
    for (const slot of [2, 2, 0]) {
      serve(ask(gateway.worker, { prompt: PROMPT }), { address: addressOf(slot) });
      gateway.run(20);
    }
    expect(gateway.counter("shadow_agreed") - before).toBeGreaterThanOrEqual(2);
    expect(gateway.counter("shadow_agreed") + gateway.counter("shadow_differed")).toBe(4);
  });

  test("one that the profile would refuse goes on, and its reason is told", () => {
    const steps = [{ operation: FILTER_LABEL, parameters: [3] }];
    const pools = [{ steps }];
    gateway = gatewayIn("shadow", {}, { pools });
    const request = ask(gateway.worker, { prompt: PROMPT });
    expect(request.localResponse).toBeUndefined();
    serve(request, { address: addressOf(1) });
    gateway.run(100);
    expect(gateway.told.dones[0]).toMatchObject({
      slot: 1,
      pickedSlot: NO_SLOT,
      reason: "filtered",
    });
  });

  test("one that nothing was picked for is neither counted as alike nor as other", () => {
    const profiles = ["a", "b"].map((name) => ({ name, steps: [] }));
    const pool = { profiles, headers: ["x-profile"], profileHeader: 0 };
    const hints = tableOf(1, { settings: { mode: "shadow" } }, pool);
    gateway = new FilteredGateway({ hints });
    const request = ask(gateway.worker, { headers: { "x-profile": "none" } });
    serve(request, { address: addressOf(0) });
    expect([gateway.counter("shadow_agreed"), gateway.counter("shadow_differed")]).toEqual([0, 0]);
  });

  test("what Envoy answers itself is told, and counts on no endpoint", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    request.setProperties({ "response.code_details": "no_healthy_upstream" });
    request.respondLocally({ status: 503 });
    request.done();
    gateway.run(100);
    const flags = DONE_FLAG_SHADOW | DONE_FLAG_LOCAL;
    expect(gateway.told.dones[0]).toMatchObject({ slot: NO_SLOT, status: 503, flags });
    expect(gateway.counter("shadow_differed")).toBe(0);
  });

  test("members that only the gateway may set are blanked all the same", () => {
    const body = '{"model":"llama","prompt":"","kv_transfer_params":{"a":1}}';
    const request = ask(gateway.worker, { body });
    expect(Buffer.from(request.sentToEndpoint.body).toString()).not.toContain("kv_transfer");
  });

  test("under attachment B an endpoint is drawn by lot, and the request is counted there", () => {
    gateway = gatewayIn("shadow", { attachment: "buffer" });
    serve(ask(gateway.worker, { prompt: PROMPT }), { address: addressOf(0) });
    const drawn = new Set<string | undefined>();
    for (let times = 0; times < 30; times++) {
      const request = ask(gateway.worker, { prompt: PROMPT });
      const address = drawnBy(request)!;
      drawn.add(address);
      serve(request, { address });
    }
    expect(drawn.size).toBe(3);
    gateway.run(200);
    const served = new Set(gateway.told.dones.map(({ slot }) => slot));
    expect(served.size).toBe(3);
    expect(gateway.flightGauges()).toEqual({});
  });
});

describe("the access log", () => {
  const logged = (request: GatewayRequest): string | undefined => {
    const value = request.property("hintway");
    return value === undefined ? undefined : Buffer.from(value as Uint8Array).toString();
  };

  test("has nothing where the operator does not ask for it", () => {
    gateway = gatewayIn("active");
    expect(logged(ask(gateway.worker))).toBeUndefined();
  });

  test("has pick, stage and reason, of a refusal too", () => {
    gateway = gatewayIn("active", {}, { settings: { isLogged: true } });
    const first = ask(gateway.worker, { prompt: PROMPT });
    expect(logged(first)).toBe(
      `pick=${destinationOf(first)!.split(",")[0]} stage=fresh reason=load`,
    );
    serve(first);
    expect(logged(ask(gateway.worker, { prompt: PROMPT }))).toMatch(/ reason=prefix$/);
    expect(logged(ask(gateway.worker, { body: "no json" }))).toMatch(/ reason=unread$/);
    gateway.run(10_000);
    expect(logged(ask(gateway.worker))).toMatch(/ stage=stale reason=load$/);
    const endpoints = SLOTS.map((slot) => ({ slot, state: STATE_DOWN }));
    gateway = gatewayIn("active", {}, { settings: { isLogged: true }, endpoints });
    const refused = ask(gateway.worker);
    expect(logged(refused)).toBe("pick=- stage=fresh reason=no-endpoints");
    refused.done();
    gateway.run(100);
    const told = { slot: NO_SLOT, status: 503, flags: DONE_FLAG_LOCAL, reason: "no-endpoints" };
    expect(gateway.told.dones).toMatchObject([told]);
  });

  test("says in shadow mode what would have been picked", () => {
    gateway = gatewayIn("shadow", {}, { settings: { isLogged: true } });
    expect(logged(ask(gateway.worker))).toMatch(/^pick=10\.0\.0\.\d:8000 stage=fresh reason=load$/);
  });
});

describe("where a pool disaggregates, only endpoints that decode", () => {
  const gatewayOf = (mode: Mode, options: GatewayOptions = {}) => {
    const hints = tableOf(0, { endpoints: ENDPOINTS, settings: { mode } }, { disaggregation: {} });
    return new FilteredGateway({ hints, clusters: ["pool"], ...options });
  };
  const DECODE_ADDRESSES = DECODES.map(addressOf);

  test("are told in shadow mode as what would be picked", () => {
    gateway = gatewayOf("shadow");
    for (let times = 0; times < 12; times++) {
      const request = ask(gateway.worker, { prompt: `${times} ${PROMPT}` });
      serve(request, { address: DECODE_ADDRESSES[0]! });
    }
    gateway.run(100);
    const picked = new Set(gateway.told.dones.map(({ pickedSlot }) => pickedSlot));
    expect([...picked].sort()).toEqual(DECODES);
    expect(gateway.callsTo("pool")).toEqual([]);
  });

  test.each<Mode>(["off", "shadow"])("are drawn by lot in mode %s under attachment B", (mode) => {
    gateway = gatewayOf(mode, { attachment: "buffer" });
    const drawn = new Set<string | undefined>();
    for (let times = 0; times < 40; times++) {
      const request = ask(gateway.worker, { prompt: `${times} ${PROMPT}` });
      drawn.add(drawnBy(request));
      request.done();
    }
    expect([...drawn].sort()).toEqual(DECODE_ADDRESSES);
  });
});
