import { beforeAll, describe, expect, test } from "vitest";
import { HeadersStatus, LogLevel } from "./abi.ts";
import { Gateway } from "./gateway.ts";
import { compileProbe } from "./probe.ts";
import type { Vm, VmOptions } from "./vm.ts";

const SOURCE = `
@external("wasi_snapshot_preview1", "clock_time_get")
declare function clock(id: i32, precision: i64, time: usize): i32;
@external("wasi_snapshot_preview1", "random_get")
declare function random(at: usize, bytes: usize): i32;
@external("wasi_snapshot_preview1", "fd_write")
declare function write(descriptor: i32, vectors: usize, count: i32, written: usize): i32;
@external("env", "proxy_get_log_level")
declare function logLevel(level: usize): u32;

let held: u32 = 0;
let bodies: u32 = 0;
export function proxy_on_context_create(id: u32, parent: u32): void {
  if (parent === 0) say("root " + id.toString());
}
export function proxy_on_vm_start(root: u32, bytes: u32): u32 {
  say("vm " + buffer(6));
  return 1;
}
export function proxy_on_tick(root: u32): void {
  if (mode === "wasi") {
    clock(0, 0, out);
    say((load<u64>(out) / 1000000).toString());
    store<u32>(out, 0);
    random(out, 4);
    say(load<u32>(out) ? "random" : "zero");
    const line = at("printed\\n");
    store<u32>(out, <u32>line);
    store<u32>(out, 8, 4);
    write(2, out, 1, out + 8);
    logLevel(out);
    say(load<u32>(out).toString());
  } else if (mode === "finish") {
    host.proxy_done();
  } else if (held) {
    host.proxy_set_effective_context(held);
    host.proxy_continue_stream(0);
  }
}
export function proxy_on_request_headers(id: u32, count: u32, eos: u32): u32 {
  held = id;
  if (mode === "close") host.proxy_close_stream(0);
  if (mode === "property") {
    host.proxy_set_property(at("mine"), 4, at("value"), 5);
    sayResult(property("mine"));
    sayResult(property("request\\0size"));
    say(load<u64>(load<u32>(out)).toString());
    sayResult(property("node\\0id"));
  }
  return 1;
}
export function proxy_on_request_body(id: u32, bytes: u32, eos: u32): u32 {
  say("body " + buffer(0) + " " + eos.toString());
  return 0;
}
export function proxy_on_response_headers(id: u32, count: u32, eos: u32): u32 {
  if (mode === "late answer") host.proxy_send_local_response(502, 0, 0, 0, 0, 0, 0, -1);
  return 0;
}
export function proxy_on_response_body(id: u32, bytes: u32, eos: u32): u32 {
  if (mode === "too late answer") host.proxy_send_local_response(502, 0, 0, 0, 0, 0, 0, -1);
  return 0;
}
export function proxy_on_done(id: u32): u32 {
  say("done " + id.toString());
  return mode === "finish" ? 0 : 1;
}
export function proxy_on_delete(id: u32): void { say("delete " + id.toString()); }
`;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileProbe(SOURCE);
});

function start(mode: string, options: Partial<VmOptions> = {}): Vm {
  const vm = new Gateway().startVm({ module, pluginConfiguration: mode, ...options });
  vm.logs.length = 0;
  return vm;
}

const said = (vm: Vm): string[] => vm.logs.map((log) => log.message);
const HEADERS = { ":path": "/" };

describe("a VM", () => {
  test("starts with its root context and its configuration", () => {
    const vm = new Gateway().startVm({ module, vmConfiguration: "settings" });
    expect(said(vm)).toEqual(["root 1", "vm settings"]);
    expect([vm.isStarted, vm.isConfigured]).toEqual([true, true]);
  });

  test("ends when its plugin is removed", () => {
    const vm = start("");
    vm.shutDown();
    expect(said(vm)).toEqual(["done 1", "delete 1"]);
    expect(vm.failure?.message).toContain("shut down");
  });

  test("may put off its end until it says that it is done", () => {
    const vm = start("finish");
    vm.shutDown();
    expect(said(vm)).toEqual(["done 1"]);
    vm.tick();
    expect(said(vm)).toEqual(["done 1", "delete 1"]);
  });

  test("has the clock, random bytes and output of WASI", () => {
    const vm = start("wasi");
    vm.tick();
    expect(said(vm)).toEqual([`${vm.gateway.nowMs}`, "random", "printed", `${LogLevel.Info}`]);
    expect(vm.logs[2]?.level).toBe(LogLevel.Error);
  });
});

describe("a request", () => {
  test("shows the properties of the request, of its filter and of the node", () => {
    const vm = start("property");
    vm.properties.set("node.id", "gateway-1");
    vm.startRequest({ "request.size": 300 }).requestHeaders(HEADERS);
    expect(said(vm).slice(0, 1)).toEqual(["value"]);
    expect(said(vm).slice(-2)).toEqual(["300", "gateway-1"]);
  });

  test("whose every part was stopped shows its body when it is continued", () => {
    const vm = start("", { allowsHeadersStopIteration: false });
    const request = vm.startRequest();
    expect(request.requestHeaders(HEADERS)).toBe(HeadersStatus.StopAllIterationAndWatermark);
    request.requestBody("abc");
    request.requestBody("def", true);
    expect(said(vm)).toEqual([]);
    vm.tick();
    expect(said(vm)).toEqual(["body abcdef 1"]);
    expect(request.sentToEndpoint.bodyText).toBe("abcdef");
    expect(() => vm.tick()).toThrow("not paused");
  });

  test("that the filter closes is reset", () => {
    const request = start("close").startRequest();
    request.requestHeaders(HEADERS);
    expect([request.wasReset, request.localResponse]).toEqual([true, undefined]);
  });

  test("can be answered in the place of the endpoint until response headers are out", () => {
    const request = start("late answer").startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("", true);
    request.responseHeaders({ ":status": "200" });
    expect(request.sentToClient.headers?.get(":status")).toBe("502");
  });

  test("is reset when it is answered after response headers are out", () => {
    const request = start("too late answer").startRequest();
    request.requestHeaders(HEADERS);
    request.requestBody("", true);
    request.responseHeaders({ ":status": "200" });
    request.responseBody("a");
    expect([request.wasReset, request.localResponse]).toEqual([true, undefined]);
  });
});
