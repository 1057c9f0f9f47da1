import { describe, expect, test } from "vitest";
import { ask, destinationsOf, HEADERS } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf } from "../support/hints-written.ts";

describe("what only the gateway may say", () => {
  test.each([
    "x-gateway-destination-endpoint-subset",
    "x-gateway-destination-endpoint-served",
    "x-gateway-destination-endpoint-fallbacks",
    "x-prefiller-host-port",
    "x-prefiller-url",
    "x-encoder-hosts-ports",
    "x-data-parallel-host-port",
    "x-kv-cache-source-host-port",
    "x-hintway-cold",
  ])("is taken from a client's headers: %s", (name) => {
    const gateway = new FilteredGateway();
    const request = ask(gateway.worker, { headers: { [name]: "10.9.9.9:1", "x-other": "stays" } });
    expect(request.sentToEndpoint.headers?.has(name)).toBe(false);
    expect(request.sentToEndpoint.headers?.get("x-other")).toBe("stays");
    expect(gateway.counter("headers_stripped")).toBe(1);
  });

  test("is taken in every one of a header's values", () => {
    const request = new FilteredGateway().worker.startRequest();
    const twice = [1, 2].map((port) => ["x-prefiller-url", `http://10.9.9.9:${port}`] as const);
    request.requestHeaders([...Object.entries(HEADERS), ...twice], true);
    expect(request.sentToEndpoint.headers?.has("x-prefiller-url")).toBe(false);
  });

  test("never names a client's destination", () => {
    const headers = { "x-gateway-destination-endpoint": "10.9.9.9:1" };
    const request = ask(new FilteredGateway().worker, { headers });
    expect(destinationsOf(request).sort()).toEqual([0, 1, 2].map(addressOf));
  });

  test("never names a client's destination while there are no hints", () => {
    const headers = { "x-gateway-destination-endpoint": "10.9.9.9:1" };
    const request = ask(new FilteredGateway({ hints: null }).worker, { headers });
    expect(destinationsOf(request)).toEqual([]);
  });

  test.each([
    ["first", `{"kv_transfer_params":{"a":[1]},"prompt":"p"}`],
    ["last", `{"prompt":"p","ec_transfer_params":null}`],
    ["between", `{"prompt":"p","bootstrap_room":7,"model":"m"}`],
    ["alone", `{"bootstrap_host":"h"}`],
    ["often", `{"bootstrap_port":1,"bootstrap_room":2,"prompt":"p","kv_transfer_params":{}}`],
  ])("is blanked in a body that has it %s", (_, body) => {
    const gateway = new FilteredGateway();
    const request = ask(gateway.worker, { headers: { ":path": "/v1/completions" }, body });
    const sent = request.sentToEndpoint.bodyText;
    expect(sent).toHaveLength(body.length);
    const { prompt, model } = JSON.parse(body) as Record<string, unknown>;
    expect(JSON.parse(sent)).toEqual(JSON.parse(JSON.stringify({ prompt, model })));
    expect(gateway.counter("members_stripped")).toBeGreaterThan(0);
  });

  test("is blanked where it was cut over several chunks, and in the trailers' phase", () => {
    const request = new FilteredGateway().worker.startRequest();
    const body = `{"prompt":"p","kv_transfer_params":{"do_remote_prefill":true}}`;
    request.requestHeaders({ ...HEADERS, ":path": "/v1/completions" });
    for (const byte of body) request.requestBody(byte);
    request.requestTrailers({ "x-end": "1" });
    expect(JSON.parse(request.sentToEndpoint.bodyText)).toEqual({ prompt: "p" });
  });

  test("is blanked in a large body under attachment B", () => {
    const gateway = new FilteredGateway({ attachment: "buffer" });
    const prompt = "words ".repeat(50_000);
    const body = JSON.stringify({ kv_transfer_params: { a: 1 }, prompt, bootstrap_room: 3 });
    const request = ask(gateway.worker, { headers: { ":path": "/v1/completions" }, body });
    expect(JSON.parse(request.sentToEndpoint.bodyText)).toEqual({ prompt });
  });
});
