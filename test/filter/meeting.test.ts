import { beforeEach, describe, expect, test } from "vitest";
import { ENGINE_ID_BYTES_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { ask, beginResponse, chatBody, destinationsOf, serve } from "../support/asked.ts";
import { DisaggregatedGateway } from "../support/disaggregated-gateway.ts";
import { addressOf, type EndpointHint, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const PROMPT = "tell me of the sea ".repeat(200);
const PREFILL: EndpointHint = {
  slot: 0,
  roles: wire.ROLE_PREFILL,
  bootstrapPort: 9111,
  engine: "3c3f-dp1",
  rank: 1,
};
const DECODES = [2, 3].map((slot) => ({ slot, roles: wire.ROLE_DECODE }));

let gateway: DisaggregatedGateway;
function start(connector: number, prefill: Partial<EndpointHint> = {}): void {
  gateway = new DisaggregatedGateway();
  gateway.run(20);
  tell(connector, [{ ...PREFILL, ...prefill }]);
}

function tell(connector: number, prefills: EndpointHint[], failure?: number): void {
  const disaggregation = { connector, ...(failure === undefined ? {} : { failure }) };
  gateway.hint(tableOf(0, { endpoints: [...prefills, ...DECODES] }, { disaggregation }));
}

function bodyOf(request: GatewayRequest): string {
  return Buffer.from(request.sentToEndpoint.body).toString();
}

function legBody(): string {
  return Buffer.from(gateway.leg.body).toString();
}

function idOf(body: string): string {
  return /"(?:transfer_id|kv_request_id)":"(xfer-\d+)"/.exec(body)![1]!;
}

function remains(): unknown {
  return [gateway.flightGauges(), gateway.worker.requestCount, gateway.legs.length];
}
const NOTHING = [{}, 0, 0];
const LIMITS = '"stream":false,"max_tokens":1,"max_completion_tokens":1,"min_tokens":1';

describe("both legs of Mooncake", () => {
  beforeEach(() => start(wire.CONNECTOR_MOONCAKE));

  test("are sent at once, with one transfer, and decode is told of prefill's engine", () => {
    const body = chatBody(PROMPT);
    const request = ask(gateway.worker, { body });
    expect(request.isPaused).toBe(false);
    const id = idOf(bodyOf(request));
    const asked = `"kv_transfer_params":{"do_remote_decode":true,"do_remote_prefill":false,"transfer_id":"${id}"}`;
    expect(legBody()).toBe(`${body.slice(0, -1)},${LIMITS},${asked}}`);
    const told = `"kv_transfer_params":{"do_remote_decode":false,"do_remote_prefill":true,"transfer_id":"${id}","remote_bootstrap_addr":"http://10.0.0.1:9111","remote_engine_id":"3c3f-dp1"}`;
    expect(bodyOf(request)).toBe(`{${told},${body.slice(1)}`);
    gateway.answerLeg("{}");
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("and prefill's goes to the rank of its endpoint, whatever the client says", () => {
    ask(gateway.worker, { prompt: PROMPT, headers: { "x-data-parallel-rank": "7" } });
    expect(gateway.leg.headers.get("x-data-parallel-rank")).toBe("1");
  });

  test("end together where prefill fails", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    beginResponse(request);
    gateway.answerLeg("{}", 500);
    expect(request.localResponse?.status).toBe(502);
    request.done();
    expect(remains()).toEqual(NOTHING);
  });

  test("are not sent while prefill's engine is not known: decode runs alone", () => {
    start(wire.CONNECTOR_MOONCAKE, { engine: "" });
    const body = chatBody(PROMPT);
    const request = ask(gateway.worker, { body });
    expect(gateway.legs).toEqual([]);
    expect(bodyOf(request)).toBe(body);
    expect(request.sentToEndpoint.headers?.get("x-envoy-max-retries")).toBeUndefined();
    expect(destinationsOf(request).length).toBe(2);
  });

  test.each([
    ["/v1/chat/completions", '{"messages":[{"role":"user","content":"a"}],"n":2}'],
    ["/v1/completions", '{"best_of":3,"prompt":"a"}'],
    ["/v1/completions", '{"prompt":["a","b"]}'],
    ["/v1/completions", '{"prompt":[[1,2],[3]]}'],
    ["/inference/v1/generate", '{"token_ids":[1,2],"sampling_params":{"n":2}}'],
  ])("are not sent at %s for %s: one transfer serves one answer", (path, body) => {
    tell(wire.CONNECTOR_MOONCAKE, [PREFILL], wire.FAILURE_ERROR);
    const request = ask(gateway.worker, { body, headers: { ":path": path } });
    expect(gateway.legs).toEqual([]);
    expect(bodyOf(request)).toBe(body);
    serve(request);
    gateway.run(100);
    const { flags } = gateway.told.dones.at(-1)!;
    expect(flags & (wire.DONE_FLAG_DISAGGREGATED | wire.DONE_FLAG_PREFILL_FAILED)).toBe(0);
  });

  test.each([
    ["/v1/completions", '{"prompt":["a"],"n":1}'],
    ["/v1/completions", '{"prompt":[1,2,3]}'],
    ["/v1/completions", '{"prompt":[[1,2,3]],"stop":["a","b"]}'],
  ])("are sent at %s for %s", (path, body) => {
    ask(gateway.worker, { body, headers: { ":path": path } });
    expect(gateway.legs.length).toBe(1);
  });
});

describe("of the offloading connector", () => {
  beforeEach(() => start(wire.CONNECTOR_OFFLOADING, { bootstrapPort: 7778 }));

  test("prefill is asked first, and decode fetches from it by the same identifier", () => {
    const body = chatBody(PROMPT);
    const request = ask(gateway.worker, { body });
    expect(request.isPaused).toBe(true);
    const id = idOf(legBody());
    const asked = `"kv_transfer_params":{"remote_decoder":{"kv_request_id":"${id}"}}`;
    expect(legBody()).toBe(`${body.slice(0, -1)},${LIMITS},${asked}}`);
    gateway.answerLeg();
    const told = `"kv_transfer_params":{"remote_prefiller":{"kv_request_id":"${id}","remote_host":"10.0.0.1","remote_port":7778}}`;
    expect(bodyOf(request)).toBe(`{${told},${body.slice(1)}`);
    expect(request.sentToEndpoint.headers?.get("x-envoy-max-retries")).toBe("0");
    expect(destinationsOf(request).length).toBe(1);
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });

  test("an IPv6 address is told without its brackets", () => {
    start(wire.CONNECTOR_OFFLOADING, { address: "[fd00::5]:8000" });
    const request = ask(gateway.worker, { prompt: PROMPT });
    gateway.answerLeg();
    expect(bodyOf(request)).toContain('"remote_host":"fd00::5"');
  });

  test("the next prefill endpoint gets another identifier where the first one fails", () => {
    const next = { slot: 1, roles: wire.ROLE_PREFILL };
    tell(wire.CONNECTOR_OFFLOADING, [PREFILL, next]);
    const request = ask(gateway.worker, { prompt: PROMPT });
    const first = idOf(legBody());
    gateway.answerLeg("{}", 500);
    const second = idOf(legBody());
    expect(second).not.toBe(first);
    gateway.answerLeg();
    expect(idOf(bodyOf(request))).toBe(second);
  });

  test("decode runs alone, and may be tried again, where prefill fails", () => {
    const body = chatBody(PROMPT);
    const request = ask(gateway.worker, { body });
    gateway.answerLeg("{}", 500);
    expect(bodyOf(request)).toBe(body);
    expect(request.sentToEndpoint.headers?.get("x-envoy-max-retries")).toBeUndefined();
    expect(destinationsOf(request)).toEqual(expect.arrayContaining([addressOf(2), addressOf(3)]));
    serve(request);
    expect(remains()).toEqual(NOTHING);
  });
});

test.each([
  ["a quote", 'a"b'],
  ["a backslash", "a\\b"],
  ["a line break", "a\n"],
  ["too many bytes", "x".repeat(ENGINE_ID_BYTES_MAX + 1)],
])("hints that name an engine with %s are refused whole", (_, engine) => {
  start(wire.CONNECTOR_MOONCAKE);
  tell(wire.CONNECTOR_MOONCAKE, [{ ...PREFILL, engine }]);
  expect(gateway.counter("hints_refused")).toBe(1);
  const request = ask(gateway.worker, { prompt: PROMPT });
  expect(bodyOf(request)).toContain('"remote_engine_id":"3c3f-dp1"');
});
