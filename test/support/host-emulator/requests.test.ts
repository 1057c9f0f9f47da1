import { beforeAll, describe, expect, test } from "vitest";
import { DataStatus, HeadersStatus } from "./abi.ts";
import { UnexpectedHostCall, VmTrap } from "./errors.ts";
import { Gateway } from "./gateway.ts";
import { compileProbe } from "./probe.ts";
import type { Vm, VmOptions } from "./vm.ts";

const SOURCE = `
export function proxy_on_request_headers(id: u32, count: u32, eos: u32): u32 {
  if (mode === "answer") {
    const extra = pairs(["x-why", "closed"]);
    host.proxy_send_local_response(429, at("too many"), 8, at("later"), 5,
      changetype<usize>(extra), extra.byteLength, -1);
    return 0;
  }
  if (mode === "trap") { unreachable(); }
  sayResult(header(0, ":path"));
  sayResult(header(0, "x-absent"));
  if (mode === "edit") {
    setHeader(0, "x-two", "replaced");
    host.proxy_add_header_map_value(0, at("x-three"), 7, at("3"), 1);
    host.proxy_remove_header_map_value(0, at("x-one"), 5);
    host.proxy_get_header_map_size(0, out);
    say(load<u32>(out).toString());
  }
  if (mode === "all headers") {
    const all = pairs([":path", "/all", "x-only", "1"]);
    host.proxy_set_header_map_pairs(0, changetype<usize>(all), all.byteLength);
    host.proxy_get_header_map_pairs(0, out, out + 4);
    say(load<u32>(load<u32>(out)).toString());
  }
  return mode === "pass" || mode === "late" || mode === "edit" || mode === "state" ? 0 : 1;
}
export function proxy_on_request_body(id: u32, bytes: u32, eos: u32): u32 {
  if (mode === "late") header(0, ":path");
  if (mode === "state") {
    const path = "envoy.network.transport_socket.original_dst_address";
    const message = "\\n\\x33" + path + "\\x12\\x0d10.0.0.7:8000\\x18\\x01";
    const name = "set_envoy_filter_state";
    host.proxy_call_foreign_function(at(name), size(name), at(message), size(message), out, out + 4);
  }
  if (mode === "middle" && eos) setBufferBytes(0, 2, 1, at("-"), 1);
  host.proxy_get_buffer_status(0, out, out + 4);
  say(load<u32>(out).toString() + " of " + bytes.toString() + " " + buffer(0));
  if (mode === "pass" || mode === "late" || mode === "state") return 0;
  if (mode === "watermark") return 2;
  if (mode === "drop") return 3;
  if (!eos) return 1;
  if (mode === "rewrite") {
    setBufferBytes(0, 0, 3, at("new"), 3);
    setBufferBytes(0, 1000000, 0, at("!"), 1);
  }
  setHeader(0, "x-endpoint", "10.0.0.1:8000");
  return 0;
}
export function proxy_on_request_trailers(id: u32, count: u32): u32 {
  sayResult(header(1, "x-sum"));
  return 0;
}
export function proxy_on_response_headers(id: u32, count: u32, eos: u32): u32 {
  sayResult(header(2, ":status"));
  sayResult(property("upstream\\0address"));
  return 0;
}
export function proxy_on_response_body(id: u32, bytes: u32, eos: u32): u32 {
  say("response " + buffer(1, 1, 2));
  return mode === "hold response" && !eos ? 1 : 0;
}
export function proxy_on_log(id: u32): void {
  say("log");
  sayResult(header(2, ":status"));
}
export function proxy_on_done(id: u32): u32 { say("done"); return 1; }
export function proxy_on_delete(id: u32): void { say("delete"); }
export function proxy_on_context_create(id: u32, root: u32): void { if (root) say("create"); }
`;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileProbe(SOURCE);
});

function start(mode: string, options: Partial<VmOptions> = {}): Vm {
  return new Gateway().startVm({ module, pluginConfiguration: mode, ...options });
}

const said = (vm: Vm): string[] => vm.logs.map((log) => log.message);
const HEADERS = { ":path": "/v1/completions", "x-one": "1", "x-two": "2" };

describe("a request that the filter holds", () => {
  test("goes on with the headers and the whole body when the body callback continues", () => {
    const request = start("hold").startRequest();
    expect(request.requestHeaders(HEADERS)).toBe(HeadersStatus.StopIteration);
    expect(request.requestBody("abc")).toBe(DataStatus.StopIterationAndBuffer);
    expect(request.sentToEndpoint.headers).toBeUndefined();
    expect(request.requestBytesHeld).toBe(3);
    expect(request.requestBody("def", true)).toBe(DataStatus.Continue);
    expect(request.sentToEndpoint.bodyText).toBe("abcdef");
    expect(request.sentToEndpoint.headers?.get("x-endpoint")).toBe("10.0.0.1:8000");
    expect(request.sentToEndpoint.isComplete).toBe(true);
    expect(request.routeCacheClears).toBe(1);
  });

  test("shows the body callback all that was buffered, not the last chunk alone", () => {
    const vm = start("hold");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("abc");
    request.requestBody("def", true);
    expect(said(vm).slice(-2)).toEqual(["3 of 3 abc", "6 of 6 abcdef"]);
  });

  test("shows each chunk alone and loses none when it is held at the watermark", () => {
    const vm = start("watermark");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("abc");
    request.requestBody("def", true);
    expect(said(vm).slice(-2)).toEqual(["3 of 3 abc", "3 of 3 def"]);
    expect(request.requestBytesHeld).toBe(6);
  });

  test("loses the chunks that the filter does not let the gateway buffer", () => {
    const request = start("drop").startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("abc");
    expect(request.requestBytesHeld).toBe(0);
  });

  test("is never shown its body when the plugin may not stop at the headers alone", () => {
    const vm = start("hold", { allowsHeadersStopIteration: false });
    const request = vm.startRequest();
    const status = request.requestHeaders(HEADERS);
    expect(status).toBe(HeadersStatus.StopAllIterationAndWatermark);
    request.requestBody("abc", true);
    expect(said(vm)).not.toContain("3 of 3 abc");
    expect(request.requestBytesHeld).toBe(3);
  });

  test("is answered with 413 when it is over the buffer of the gateway", () => {
    const request = start("hold", { bytesHeldMax: 4 }).startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("abc");
    request.requestBody("def");
    expect(request.localResponse).toMatchObject({ origin: "gateway", status: 413 });
    expect(() => request.requestBody("ghi")).toThrow("takes no body");
  });

  test("has its body replaced at the start and lengthened at the end", () => {
    const request = start("rewrite").startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("old body", true);
    expect(request.sentToEndpoint.bodyText).toBe("new body!");
  });

  test("cannot have its body changed in the middle", () => {
    const request = start("middle").startRequest();
    request.requestHeaders(HEADERS);
    expect(() => request.requestBody("old body", true)).toThrow("changed at its ends only");
  });

  test("leaves the chunk of the test as it was", () => {
    const request = start("rewrite").startRequest();
    const chunk = Buffer.from("old body");
    request.requestHeaders(HEADERS);
    request.requestBody(chunk, true);
    expect(chunk.toString()).toBe("old body");
  });
});

describe("a request that passes", () => {
  test("goes on at its headers, with every change made to them", () => {
    const vm = start("edit");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS, true);
    expect(request.sentToEndpoint.headers?.toObject()).toEqual({
      ":path": "/v1/completions",
      "x-two": "replaced",
      "x-three": "3",
    });
    expect(said(vm)).toContain("41");
    expect(request.headerMutations.map((made) => made.change)).toEqual([
      "replace",
      "add",
      "remove",
    ]);
  });

  test("can have all its headers replaced at once", () => {
    const vm = start("all headers");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("", true);
    expect(request.sentToEndpoint.headers?.toObject()).toMatchObject({ ":path": "/all" });
    expect(request.sentToEndpoint.headers?.has("x-one")).toBe(false);
    expect(said(vm)).toContain("2");
  });

  test("has let go of its headers at the body, and touching them fails the test", () => {
    const vm = start("late");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS);
    expect(() => request.requestBody("abc", true)).toThrow(UnexpectedHostCall);
    expect(vm.failure).toBeInstanceOf(UnexpectedHostCall);
  });

  test("gets Envoy's answer to a call that is not legal, where a test asks for that", () => {
    const request = start("late", { refusals: "answer" }).startRequest();
    request.requestHeaders(HEADERS);
    expect(request.requestBody("abc", true)).toBe(DataStatus.Continue);
    expect(request.ledger.lines("proxy_on_request_body")[0]).toBe(
      "proxy_on_request_body: proxy_get_header_map_value(RequestHeaders, :path) BadArgument",
    );
  });

  test("gives the filter its trailers", () => {
    const vm = start("pass");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("abc");
    request.requestTrailers({ "x-sum": "7" });
    expect(said(vm)).toContain("7");
    expect(request.sentToEndpoint.trailers?.get("x-sum")).toBe("7");
  });

  test("keeps the address that the filter put into its filter state", () => {
    const request = start("state").startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("abc", true);
    expect(request.filterState.get("envoy.network.transport_socket.original_dst_address")).toEqual({
      value: "10.0.0.7:8000",
      lifeSpan: "DownstreamRequest",
    });
  });
});

describe("a response", () => {
  test("shows its status, its body and the properties of that phase", () => {
    const vm = start("pass");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS, true);
    request.setProperties({ "upstream.address": "10.0.0.1:8000" });
    request.responseHeaders({ ":status": "200" });
    request.responseBody("hello", true);
    expect(said(vm).slice(-3)).toEqual(["200", "10.0.0.1:8000", "response el"]);
    expect(request.sentToClient.bodyText).toBe("hello");
  });

  test("cannot come before the request has gone on", () => {
    const request = start("hold").startRequest();
    request.requestHeaders(HEADERS);
    expect(() => request.responseHeaders({ ":status": "200" })).toThrow("has not been sent");
  });

  test("of the filter's own passes the filter too, and ends the request", () => {
    const vm = start("answer");
    const request = vm.startRequest();
    const status = request.requestHeaders(HEADERS);
    expect(status).toBe(HeadersStatus.StopAllIterationAndWatermark);
    expect(request.localResponse).toMatchObject({ origin: "filter", status: 429 });
    expect(request.localResponse?.details).toBe("too_many");
    expect(request.sentToClient.headers?.toObject()).toMatchObject({
      ":status": "429",
      "x-why": "closed",
      "content-length": "5",
    });
    expect(request.sentToClient.bodyText).toBe("later");
    expect(request.sentToEndpoint.headers).toBeUndefined();
    expect(said(vm)).toContain("429");
  });

  test("of the gateway's own, where no endpoint is reachable, passes the filter", () => {
    const vm = start("pass");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS, true);
    request.respondLocally({ status: 503, body: "no healthy upstream" });
    expect(said(vm)).toContain("503");
    expect(request.sentToClient.bodyText).toBe("no healthy upstream");
  });
});

describe("the end of a request", () => {
  test("is logged before it is done, with the headers of the response, and then deleted", () => {
    const vm = start("pass");
    const request = vm.startRequest();
    request.requestHeaders(HEADERS, true);
    request.responseHeaders({ ":status": "200" }, true);
    request.done();
    expect(said(vm).slice(-4)).toEqual(["log", "200", "done", "delete"]);
    expect(vm.requestCount).toBe(0);
  });

  test("is told also of a request that never reached the filter", () => {
    const vm = start("pass");
    vm.startRequest().done();
    expect(said(vm)).toEqual(["create", "log", "result 1", "done", "delete"]);
  });
});

describe("a trap", () => {
  test("kills the VM, answers the request with 503 and shows where it was", () => {
    const vm = start("trap");
    const [request, other] = [vm.startRequest(), vm.startRequest()];
    expect(() => request.requestHeaders(HEADERS)).toThrow(VmTrap);
    expect(vm.failure?.message).toContain("proxy_on_request_headers");
    expect(request.localResponse?.status).toBe(503);
    other.requestHeaders(HEADERS);
    expect(other.localResponse?.details).toBe("wasm_fail_stream");
    expect(other.sentToClient.headers?.get(":status")).toBe("503");
    other.done();
  });
});
