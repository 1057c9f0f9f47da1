import { beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "./gateway.ts";
import { HeaderMap } from "./header-map.ts";
import { compileProbe } from "./probe.ts";
import type { Vm, VmOptions } from "./vm.ts";

const SOURCE = `
export function proxy_on_tick(root: u32): void {
  if (mode === "level") host.proxy_log(9, at("x"), 1);
  if (mode === "long log") host.proxy_log(2, at("x"), 70000);
  if (mode === "outside") host.proxy_log(2, 0x7ffffff0, 64);
  if (mode === "configuration") buffer(7);
  if (mode === "no context") host.proxy_set_effective_context(77);
  if (mode === "no queue") host.proxy_enqueue_shared_queue(77, at("x"), 1);
  if (mode === "no function") {
    host.proxy_call_foreign_function(at("compress"), 8, 0, 0, out, out + 4);
  }
  if (mode === "response") host.proxy_send_local_response(200, 0, 0, 0, 0, 0, 0, -1);
  if (mode === "end") host.proxy_done();
}
export function proxy_on_request_headers(id: u32, count: u32, eos: u32): u32 {
  if (mode === "inject") setHeader(0, "x-a", "1\\r\\nx-b: 2");
  if (mode === "body too early") buffer(0);
  if (mode === "no status") return 9;
  if (mode === "stale") {
    header(0, "x-first");
    const first = load<u32>(out);
    header(0, ":path");
    say(load<u8>(first, 4).toString());
  }
  return 0;
}
`;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileProbe(SOURCE);
});

function start(mode: string, options: Partial<VmOptions> = {}): Vm {
  return new Gateway().startVm({ module, pluginConfiguration: mode, ...options });
}

describe("a host call that Envoy would refuse fails the test", () => {
  test.each([
    ["level", "no log level 9"],
    ["long log", "70000 bytes is over"],
    ["outside", "outside the filter's"],
    ["configuration", "PluginConfiguration is not there"],
    ["no context", "no context 77"],
    ["no queue", "no queue has the token 77"],
    ["no function", "no foreign function compress"],
    ["response", "nobody to respond to"],
    ["end", "has not asked this VM to end"],
  ])("from the root: %s", (mode, message) => {
    expect(() => start(mode).tick()).toThrow(message);
  });

  test.each([
    ["inject", "line break"],
    ["body too early", "HttpRequestBody is not there"],
    ["no status", "returned 9, which is no status"],
  ])("from a request: %s", (mode, message) => {
    expect(() => start(mode).startRequest().requestHeaders({ ":path": "/" })).toThrow(message);
  });
});

describe("a module", () => {
  test("that imports what the host lacks does not load", async () => {
    const other = await compileProbe(
      "export function f(): void { host.proxy_clear_route_cache(); }",
    );
    expect(() => new Gateway().startVm({ module: other })).toThrow("env.proxy_clear_route_cache");
  });

  test("that exports a callback the host never calls does not load", async () => {
    const other = await compileProbe("export function proxy_on_request_header(id: u32): void {}");
    expect(() => new Gateway().startVm({ module: other })).toThrow("which the host never calls");
  });

  test("may refuse its configuration", () => {
    expect(start("refuse").isConfigured).toBe(false);
    expect(start("anything").isConfigured).toBe(true);
  });
});

describe("what the host hands over", () => {
  test("is spoilt by the next host call where a test asks for that", () => {
    const headers = { ":path": "/abc", "x-first": "12345678" };
    const [kept, spoilt] = [start("stale"), start("stale", { spoilsHanded: true })];
    for (const vm of [kept, spoilt]) {
      vm.startRequest().requestHeaders(headers);
    }
    expect(kept.logs[0]?.message).toBe(`${"5".charCodeAt(0)}`);
    expect(spoilt.logs[0]?.message).toBe(`${0xdd}`);
  });
});

describe("the ledger", () => {
  test("lists the host calls of a callback, and none where it is switched off", () => {
    const [vm, silent] = [start("stale"), start("stale", { isRecording: false })];
    const requests = [vm, silent].map((each) => each.startRequest());
    for (const request of requests) {
      request.requestHeaders([["X-First", "1"]]);
    }
    expect(requests[0]!.ledger.lines()).toEqual([
      "proxy_on_request_headers: proxy_get_header_map_value(RequestHeaders, x-first)",
      "proxy_on_request_headers: proxy_get_header_map_value(RequestHeaders, :path) NotFound",
      "proxy_on_request_headers: proxy_log(Info)",
    ]);
    expect(requests[1]!.ledger.entries).toEqual([]);
  });
});

describe("a header map", () => {
  test("gives the first of several values, and replaces them all by one", () => {
    const map = new HeaderMap([
      ["Accept", "a"],
      ["accept", "b"],
    ]);
    expect(map.get("ACCEPT")).toBe("a");
    map.replace("accept", "c");
    expect(map.pairs()).toEqual([["accept", "c"]]);
  });
});
