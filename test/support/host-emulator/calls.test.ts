import { beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "./gateway.ts";
import { compileProbe } from "./probe.ts";
import type { Vm } from "./vm.ts";

const SOURCE = `
let held: u32 = 0;
function call(cluster: string, method: string): u32 {
  const headers = pairs([":method", method, ":path", "/hints", ":authority", "control"]);
  return host.proxy_http_call(at(cluster), size(cluster), changetype<usize>(headers),
    headers.byteLength, at("report"), 6, 0, 0, 500, out);
}
export function proxy_on_vm_start(root: u32, bytes: u32): u32 {
  host.proxy_set_tick_period_milliseconds(100);
  return 1;
}
export function proxy_on_tick(root: u32): void {
  if (mode === "poll") { call("control", "POST"); host.proxy_set_tick_period_milliseconds(0); }
  if (mode === "too early") sayResult(call("unknown", "POST"));
  if (mode === "answer outside") header(6, ":status");
}
export function proxy_on_request_headers(id: u32, count: u32, eos: u32): u32 {
  held = id;
  return 1;
}
export function proxy_on_request_body(id: u32, bytes: u32, eos: u32): u32 {
  if (eos && mode === "callout") call("control", "POST");
  if (eos && mode === "continue at once") host.proxy_continue_stream(0);
  return 1;
}
export function proxy_on_http_call_response(
  root: u32, token: u32, headers: u32, bytes: u32, trailers: u32,
): void {
  say(token.toString() + " " + headers.toString() + " " + bytes.toString());
  sayResult(header(6, ":status"));
  if (bytes > 0) say(buffer(4));
  host.proxy_get_status(out + 8, out, out + 4);
  say(load<u32>(out, 8).toString() + handed());
  if (held) {
    host.proxy_set_effective_context(held);
    setBufferBytes(0, 0, 3, at("new"), 3);
    setHeader(0, "x-endpoint", "10.0.0.2:8000");
    host.proxy_continue_stream(0);
  }
}
`;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileProbe(SOURCE);
});

function start(mode: string): { gateway: Gateway; vm: Vm } {
  const gateway = new Gateway({ clusters: ["control"] });
  return { gateway, vm: gateway.startVm({ module, pluginConfiguration: mode }) };
}

const said = (vm: Vm): string[] => vm.logs.map((log) => log.message);

describe("an HTTP call", () => {
  test("waits until the test answers it, and its answer comes to the root", () => {
    const { gateway, vm } = start("poll");
    gateway.advance(100);
    const [call] = gateway.callsTo("control");
    expect(call?.headers.toObject()).toMatchObject({ ":method": "POST", "content-length": "6" });
    expect(Buffer.from(call!.body).toString()).toBe("report");
    gateway.answer(call!, { status: 200, body: "table" });
    expect(said(vm)).toEqual(["4 1 5", "200", "table", "0"]);
    expect(gateway.calls).toEqual([]);
  });

  test("that fails has no headers, and a status that says so", () => {
    const { gateway, vm } = start("poll");
    gateway.advance(100);
    gateway.fail(gateway.calls[0]!);
    expect(said(vm)).toEqual(["4 0 0", "result 2", "11reset"]);
  });

  test("that times out is answered with 504 by the gateway", () => {
    const { gateway, vm } = start("poll");
    gateway.advance(100 + 499);
    expect(said(vm)).toEqual([]);
    gateway.advance(1);
    expect(said(vm)[1]).toBe("504");
  });

  test("to a cluster that is not there yet is refused, which is no error", () => {
    const { gateway, vm } = start("too early");
    gateway.advance(100);
    expect(said(vm)).toEqual(["result 2"]);
    expect(gateway.calls).toEqual([]);
  });

  test("ends with its VM", () => {
    const { gateway, vm } = start("poll");
    gateway.advance(100);
    vm.die(new Error("gone"));
    expect(gateway.calls).toEqual([]);
  });

  test("has no answer to read outside of its callback", () => {
    const { gateway } = start("answer outside");
    expect(() => gateway.advance(100)).toThrow("no answer to an HTTP call");
  });
});

describe("a request held for a call", () => {
  test("is changed in its own context and let go from the root's callback", () => {
    const { gateway, vm } = start("callout");
    const request = vm.startRequest();
    request.requestHeaders({ ":path": "/" });
    request.requestBody("old ");
    request.requestBody("body", true);
    expect(request.isPaused).toBe(true);
    gateway.answer(gateway.calls[0]!, { status: 200 });
    expect(request.continued).toEqual(["request"]);
    expect(request.sentToEndpoint.bodyText).toBe("new body");
    expect(request.sentToEndpoint.headers?.get("x-endpoint")).toBe("10.0.0.2:8000");
    expect(vm.ledger.names("proxy_on_http_call_response").at(-1)).toBe("proxy_continue_stream");
  });

  test("cannot be let go while its own callback runs", () => {
    const { vm } = start("continue at once");
    const request = vm.startRequest();
    request.requestHeaders({ ":path": "/" });
    expect(() => request.requestBody("", true)).toThrow("is being handled");
  });

  test("that is done is gone, and naming its context fails", () => {
    const { gateway, vm } = start("callout");
    const request = vm.startRequest();
    request.requestHeaders({ ":path": "/" });
    request.requestBody("body", true);
    request.done();
    expect(() => gateway.answer(gateway.calls[0]!, { status: 200 })).toThrow("no context 2");
  });
});
