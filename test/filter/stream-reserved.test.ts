import { describe, expect, test } from "vitest";
import { ask, destinationsOf, HEADERS } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, tableOf } from "../support/hints-written.ts";
import { HeadersStatus } from "../support/host-emulator/abi.ts";

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
    "x-hintway-cluster",
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

const EVADING = `{"prompt":"p","kv_transfer_params":{"remote_host":"10.9.9.9"},"bootstrap_room":1}`;

function reserved(text: string): string[] {
  return Object.keys(JSON.parse(text)).filter((name) => name !== "prompt");
}

describe("what only the gateway may say is blanked, whatever a client claims by", () => {
  test.each([
    ["an encoding", { "content-encoding": "gzip" }],
    ["no encoding", { "content-encoding": "identity" }],
    ["no encoding, in capitals", { "content-encoding": "Identity" }],
    ["an encoding without a name", { "content-encoding": "" }],
    ["a form", { "content-type": "multipart/form-data; boundary=x" }],
    ["a percent-encoded path", { ":path": "/v1/%63ompletions" }],
    ["a path that is encoded twice", { ":path": "/v1/%2563ompletions" }],
    ["a slash behind the path", { ":path": "/v1/completions/" }],
    ["two slashes in the path", { ":path": "/v1//completions" }],
    ["a path in capitals", { ":path": "/V1/Completions" }],
    ["parameters of the path", { ":path": "/v1/completions;v=1" }],
    ["an API that has other names for it", { ":path": "/invocations" }],
    ["an API that nobody knows", { ":path": "/v1/anything" }],
    ["another method", { ":method": "PUT" }],
    ["an upgrade of a request that has a body", { upgrade: "h2c", connection: "upgrade" }],
  ])("%s", (_, claimed) => {
    for (const attachment of ["pause", "buffer"] as const) {
      const gateway = new FilteredGateway({ attachment });
      const headers = { ":path": "/v1/completions", ...claimed };
      const request = ask(gateway.worker, { headers, body: EVADING });
      expect(request.sentToEndpoint.isComplete).toBe(true);
      expect(reserved(request.sentToEndpoint.bodyText)).toEqual([]);
      expect(gateway.counter("members_stripped")).toBe(2);
    }
  });

  test("a request that comes before any hints", () => {
    const gateway = new FilteredGateway({ hints: null });
    const request = ask(gateway.worker, { body: EVADING });
    expect(request.sentToEndpoint.isComplete).toBe(true);
    expect(destinationsOf(request)).toEqual([]);
    expect(reserved(request.sentToEndpoint.bodyText)).toEqual([]);
    request.done();
    expect(gateway.counter("picks_without_hints")).toBe(1);
  });

  test("a route that leads to no known pool", () => {
    const pools = [0, 1].map((number) => ({ number, name: `pool ${number}` }));
    const gateway = new FilteredGateway({ hints: tableOf(1, { pools }) });
    const request = gateway.worker.startRequest({ "xds.cluster_name": "other" });
    request.requestHeaders(HEADERS);
    request.requestBody(EVADING, true);
    expect(reserved(request.sentToEndpoint.bodyText)).toEqual([]);
  });

  test("a list around the body", () => {
    const request = ask(new FilteredGateway().worker, { body: `[${EVADING},[${EVADING}]]` });
    const [first, [second]] = JSON.parse(request.sentToEndpoint.bodyText);
    expect([first, second]).toEqual([{ prompt: "p" }, { prompt: "p" }]);
  });

  test("something that is not JSON behind the body", () => {
    const request = ask(new FilteredGateway().worker, { body: `${EVADING}#` });
    expect(reserved(request.sentToEndpoint.bodyText.slice(0, -1))).toEqual([]);
  });

  test.each(["utf16le", "utf16be"])("an encoding the filter does not read: %s", (encoding) => {
    const body = Buffer.from(EVADING, "utf16le");
    if (encoding === "utf16be") body.swap16();
    const request = ask(new FilteredGateway().worker, { headers: { ":path": "/any" }, body });
    expect(request.localResponse?.status).toBe(400);
  });
});

describe("a body that is not JSON", () => {
  test.each([
    ["gzip", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])],
    ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0])],
    ["a form", Buffer.from("--x\r\nContent-Disposition: form-data")],
    ["a gRPC message", Buffer.from([0, 0, 0, 0x20, 0x7b, 0x0a, 0x05, 0x68])],
    ["a film", Buffer.from([0, 0, 0, 0x20, 0x66, 0x74, 0x79, 0x70])],
    ["a sound", Buffer.from([0xff, 0xfb, 0x90, 0x44, 0, 0, 0, 0])],
  ])("is picked by load once its first bytes say so, and not held: %s", (_, bytes) => {
    const gateway = new FilteredGateway();
    const request = gateway.worker.startRequest();
    request.requestHeaders({ ...HEADERS, "content-encoding": "gzip" });
    request.requestBody(bytes);
    expect(destinationsOf(request)).toHaveLength(3);
    request.requestBody("and so on");
    expect(request.requestBytesHeld).toBe(0);
    request.requestBody("", true);
    expect(request.sentToEndpoint.isComplete).toBe(true);
    expect(gateway.counter("bodies_unreadable")).toBe(1);
    expect(gateway.counter("members_stripped")).toBe(0);
  });

  test("is told by its eighth byte where the first ones could be of UTF-16", () => {
    const request = new FilteredGateway().worker.startRequest();
    request.requestHeaders(HEADERS);
    for (const byte of [0, 0, 0, 0x20, 0x66, 0x74, 0x79]) request.requestBody(Buffer.of(byte));
    expect(destinationsOf(request)).toEqual([]);
    request.requestBody(Buffer.of(0x70));
    expect(destinationsOf(request)).toHaveLength(3);
  });
});

test("a request for another protocol is picked at its headers: what follows is no body", () => {
  const gateway = new FilteredGateway();
  const request = gateway.worker.startRequest();
  const headers = { ":method": "GET", ":path": "/v1/realtime", upgrade: "websocket" };
  expect(request.requestHeaders({ ...HEADERS, ...headers })).toBe(HeadersStatus.Continue);
  expect(destinationsOf(request)).toHaveLength(3);
  request.requestBody('{"type":"session.update"}');
  expect(request.sentToEndpoint.bodyText).toBe('{"type":"session.update"}');
});
