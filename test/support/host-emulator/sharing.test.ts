import { beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "./gateway.ts";
import { compileProbe } from "./probe.ts";
import type { Vm } from "./vm.ts";

const SOURCE = `
let queue: u32 = 0;
let gauge: u32 = 0;
let counter: u32 = 0;
function define(type: i32, name: string): u32 {
  host.proxy_define_metric(type, at(name), size(name), out);
  return load<u32>(out);
}
function set(value: string, cas: u32): u32 {
  return host.proxy_set_shared_data(at("key"), 3, at(value), size(value), cas);
}
export function proxy_on_vm_start(root: u32, bytes: u32): u32 {
  gauge = define(1, "in_flight");
  counter = define(0, "requests");
  host.proxy_set_tick_period_milliseconds(10);
  return 1;
}
export function proxy_on_tick(root: u32): void {
  if (mode === "data") {
    const result = host.proxy_get_shared_data(at("key"), 3, out, out + 4, out + 8);
    sayResult(result);
    if (result !== 0) { set("one", 0); return; }
    const cas = load<u32>(out, 8);
    say(set("two", cas).toString() + " " + set("three", cas).toString());
  } else if (mode === "receive" && queue === 0) {
    host.proxy_register_shared_queue(at("inbox"), 5, out);
    queue = load<u32>(out);
  } else if (mode === "send") {
    sayResult(host.proxy_resolve_shared_queue(0, 0, at("inbox"), 5, out + 8));
    if (load<u32>(out, 8)) host.proxy_enqueue_shared_queue(load<u32>(out, 8), at("hello"), 5);
  } else if (mode === "count") {
    host.proxy_increment_metric(gauge, 2);
    host.proxy_increment_metric(gauge, -1);
    host.proxy_increment_metric(counter, 1);
    host.proxy_get_metric(gauge, out);
    say(load<u64>(out).toString());
  } else if (mode === "below zero") {
    host.proxy_increment_metric(gauge, -1);
  } else if (mode === "unknown metric") {
    host.proxy_record_metric(977, 1);
  } else if (mode === "time") {
    host.proxy_get_current_time_nanoseconds(out);
    say((load<u64>(out) / 1000000).toString());
  }
}
export function proxy_on_queue_ready(root: u32, token: u32): void {
  sayResult(host.proxy_dequeue_shared_queue(token, out, out + 4));
  sayResult(host.proxy_dequeue_shared_queue(token, out, out + 4));
}
`;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileProbe(SOURCE);
});

const said = (vm: Vm): string[] => vm.logs.map((log) => log.message);

describe("workers of one gateway", () => {
  test("share data, and a write with a stale number is refused", () => {
    const gateway = new Gateway();
    const first = gateway.startVm({ module, pluginConfiguration: "data" });
    const second = gateway.startVm({ module, pluginConfiguration: "data" });
    gateway.advance(10);
    expect(said(first)).toEqual(["result 1"]);
    expect(said(second)).toEqual(["one", "0 8"]);
    expect(Buffer.from(gateway.sharedData.get("", "key")!.value).toString()).toBe("two");
    expect(gateway.sharedData.keys("")).toEqual(["key"]);
  });

  test("with another VM id see nothing of it", () => {
    const gateway = new Gateway();
    gateway.startVm({ module, pluginConfiguration: "data" });
    const other = gateway.startVm({ module, pluginConfiguration: "data", vmId: "other" });
    gateway.advance(10);
    expect(said(other)).toEqual(["result 1"]);
  });

  test("tell each other by queue, and only the last to register a name is told", () => {
    const gateway = new Gateway();
    const overtaken = gateway.startVm({ module, pluginConfiguration: "receive" });
    const receiver = gateway.startVm({ module, pluginConfiguration: "receive" });
    gateway.startVm({ module, pluginConfiguration: "send" });
    gateway.advance(10);
    expect(said(receiver)).toEqual(["hello", "result 7"]);
    expect(said(overtaken)).toEqual([]);
  });

  test("find no queue that nobody has registered", () => {
    const gateway = new Gateway();
    const sender = gateway.startVm({ module, pluginConfiguration: "send" });
    gateway.advance(10);
    expect(said(sender)).toEqual(["result 1"]);
  });

  test("leave a message in the queue of a VM that is gone", () => {
    const gateway = new Gateway();
    const receiver = gateway.startVm({ module, pluginConfiguration: "receive" });
    gateway.advance(10);
    receiver.die(new Error("gone"));
    gateway.startVm({ module, pluginConfiguration: "send" });
    gateway.advance(10);
    expect(said(receiver)).toEqual([]);
    expect(gateway.sharedQueues.queue(1)?.items).toHaveLength(1);
  });

  test("share a gauge of one name, and it outlives them", () => {
    const gateway = new Gateway();
    const first = gateway.startVm({ module, pluginConfiguration: "count" });
    const second = gateway.startVm({ module, pluginConfiguration: "count" });
    gateway.advance(10);
    expect([said(first), said(second)]).toEqual([["1"], ["2"]]);
    first.die(new Error("gone"));
    gateway.advance(10);
    expect(gateway.metric("in_flight")).toBe(3);
    expect(gateway.metric("requests")).toBe(3);
  });

  test.each([
    ["below zero", "falls below 0"],
    ["unknown metric", "no metric id 977"],
  ])("cannot touch a metric in error: %s", (mode, message) => {
    const gateway = new Gateway();
    gateway.startVm({ module, pluginConfiguration: mode });
    expect(() => gateway.advance(10)).toThrow(message);
  });
});

describe("the clock", () => {
  test("moves by advance alone, and ticks come at their times", () => {
    const gateway = new Gateway();
    const vm = gateway.startVm({ module, pluginConfiguration: "time" });
    const startMs = gateway.nowMs;
    gateway.advance(25);
    expect(said(vm)).toEqual([`${startMs + 10}`, `${startMs + 20}`]);
    expect(gateway.nowMs).toBe(startMs + 25);
  });
});
