import { describe, expect, test } from "vitest";
import { VMS_MAX } from "../../protocol/limits.ts";
import { SCORE_NO_HIT_LRU } from "../../protocol/profile.ts";
import { STATE_DRAINING } from "../../protocol/records.ts";
import { ask, beginResponse, destinationsOf, explained, HEADERS, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, tableOf } from "../support/hints-written.ts";
import type { Vm } from "../support/host-emulator/vm.ts";

const PROMPT = "tell me of the desert ".repeat(200);
const GONE = new Error("the VM trapped");

/** Endpoints that a worker believes to hold a prompt. */
function holders(vm: Vm, prompt = PROMPT): string[] {
  const { candidates } = explained(vm, { prompt });
  return candidates.filter(({ matchedKeys }) => matchedKeys > 0).map(({ endpoint }) => endpoint);
}

/** Requests in flight as a worker counts them, over all endpoints. */
function requestsSeenBy(vm: Vm): number {
  const { candidates } = explained(vm);
  return candidates.reduce((sum, { requests }) => sum + requests, 0);
}

/** The worker that polls. */
function holderOf(gateway: FilteredGateway): Vm {
  return gateway.poll!.vm;
}

describe("a pick on one worker", () => {
  test("is matched on every other after one tick", () => {
    const gateway = new FilteredGateway({ workers: 3 });
    const request = ask(gateway.workers[1]!, { prompt: PROMPT });
    for (const vm of [gateway.workers[0]!, gateway.workers[2]!]) expect(holders(vm)).toEqual([]);
    gateway.advance(5);
    for (const vm of gateway.workers) expect(holders(vm)).toEqual([destinationsOf(request)[0]]);
  });

  // Envoy Gateway names virtual machines itself, and Istio's WasmPlugin not at all.
  test.each(["hintway", "envoyextensionpolicy/ns/hw/wasm/0", ""])(
    "is matched on every other, whatever the identifier '%s' of their virtual machines",
    (vmId) => {
      const gateway = new FilteredGateway({ workers: 2, vm: { vmId } });
      const request = ask(gateway.workers[0]!, { prompt: PROMPT });
      gateway.advance(5);
      for (const vm of gateway.workers) expect(holders(vm)).toEqual([destinationsOf(request)[0]]);
    },
  );

  test("is in flight for every other until its first byte and its end", () => {
    const gateway = new FilteredGateway({ workers: 2 });
    const [first, second] = gateway.workers as [Vm, Vm];
    const request = ask(first, { prompt: PROMPT });
    const seen = (): number[] => {
      gateway.advance(5);
      const { candidates } = explained(second, { prompt: "short" });
      const busy = candidates.find(({ endpoint }) => endpoint === destinationsOf(request)[0])!;
      gateway.advance(5);
      return [busy.requests, busy.backlogBytes, busy.residentBytes];
    };
    const bytes = seen()[2]!;
    expect(bytes).toBeGreaterThanOrEqual(PROMPT.length);
    beginResponse(request);
    expect(seen()).toEqual([1, bytes, bytes]);
    request.responseBody("{");
    expect(seen()).toEqual([1, 0, bytes]);
    request.done();
    expect(seen()).toEqual([0, 0, 0]);
  });
});

describe("a worker that dies", () => {
  test("takes its share of what is in flight with it", () => {
    const gateway = new FilteredGateway({ workers: 3 });
    ask(gateway.workers[1]!, { prompt: PROMPT });
    ask(gateway.workers[2]!, { prompt: PROMPT });
    gateway.advance(5);
    expect(requestsSeenBy(gateway.workers[0]!)).toBe(2);
    gateway.workers[1]!.die(GONE);
    gateway.run(2_500);
    expect(requestsSeenBy(gateway.workers[0]!)).toBe(1);
    expect(requestsSeenBy(gateway.workers[2]!)).toBe(1);
    gateway.workers[2]!.die(GONE);
    gateway.run(2_500);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("leaves no gauge behind, also where it held the lease", () => {
    const gateway = new FilteredGateway({ workers: 2 });
    const holder = holderOf(gateway);
    ask(holder, { prompt: PROMPT });
    gateway.run(300);
    expect(Object.keys(gateway.flightGauges())).toHaveLength(2);
    holder.die(GONE);
    gateway.run(2_500);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("leaves no gauge behind where one that came later got its number", () => {
    const gateway = new FilteredGateway({ workers: 2 });
    const other = gateway.workers.find((vm) => vm !== holderOf(gateway))!;
    ask(other, { prompt: PROMPT });
    gateway.run(1_600);
    other.die(GONE);
    gateway.run(1_510);
    const successor = gateway.startWorker();
    gateway.run(2_500);
    expect(gateway.flightGauges()).toEqual({});
    const request = ask(successor);
    expect(Object.values(gateway.flightGauges())).toContain(1);
    serve(request);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("leaves no count of its index behind", () => {
    const gateway = new FilteredGateway({ workers: 2 });
    const other = gateway.workers.find((vm) => vm !== holderOf(gateway))!;
    const number = gateway.workers.indexOf(other);
    ask(other, { prompt: PROMPT });
    gateway.run(300);
    expect(gateway.metric(`hintway.machine_${number}.index_keys`)).toBeGreaterThan(0);
    other.die(GONE);
    gateway.run(2_500);
    expect(gateway.metric(`hintway.machine_${number}.index_keys`)).toBe(0);
  });

  test("gives its number free: many that come and go define no further gauges", () => {
    const gateway = new FilteredGateway({ workers: 2 });
    const names = (): Set<string> => new Set(gateway.metrics.all().map(({ name }) => name));
    const lives = (count: number): void => {
      for (let life = 0; life < count; life++) {
        const vm = gateway.startWorker();
        gateway.run(600);
        for (let times = 0; times < 20; times++) serve(ask(vm, { prompt: `${times}` }));
        gateway.run(300);
        vm.die(GONE);
        gateway.run(2_500);
      }
    };
    lives(2);
    const before = names();
    lives(4);
    expect(names()).toEqual(before);
  });

  test("passes the lease on, and another one polls within two seconds", () => {
    const gateway = new FilteredGateway({ workers: 3 });
    const holder = holderOf(gateway);
    holder.die(GONE);
    expect(gateway.poll).toBeUndefined();
    gateway.run(2_000);
    expect(holderOf(gateway)).not.toBe(holder);
    expect(gateway.readPoll().gateways[0]?.position.table).toBe(1);
  });
});

test("what happens while nobody holds the lease is reported by the next that does", () => {
  const gateway = new FilteredGateway({ workers: 3 });
  const holder = holderOf(gateway);
  gateway.run(1_000);
  holder.die(GONE);
  const living = gateway.workers.filter((vm) => vm !== holder);
  const requests = living.map((vm, index) => ask(vm, { prompt: `${index}${PROMPT}` }));
  gateway.run(100);
  for (const request of requests) serve(request);
  gateway.run(3_000);
  expect(new Set(gateway.told.picks.map(({ keys }) => keys[0])).size).toBe(2);
  expect(gateway.told.dones).toHaveLength(2);
});

test("a worker that finds all numbers taken gets one when one is free", () => {
  const gateway = new FilteredGateway({ workers: VMS_MAX });
  const late = gateway.startWorker();
  gateway.run(600);
  const before = ask(gateway.worker, { prompt: PROMPT });
  gateway.run(20);
  expect(holders(late)).toEqual([]);
  gateway.workers[VMS_MAX - 1]!.die(GONE);
  gateway.run(4_000);
  expect(holders(late)).toEqual([destinationsOf(before)[0]]);
});

describe("an endpoint that one worker used for a cold prompt", () => {
  const pool = { steps: [{ operation: SCORE_NO_HIT_LRU, parameters: [1024] }] };

  test("is the last that every other uses again", () => {
    const gateway = new FilteredGateway({ workers: 3, hints: tableOf(3, {}, pool) });
    const picks = gateway.workers.map((vm, worker) => {
      const request = ask(vm, { prompt: `${worker}${PROMPT}` });
      gateway.run(10);
      return destinationsOf(request)[0];
    });
    expect(new Set(picks).size).toBe(3);
  });

  test("leaves nothing of that to the next one in its slot", () => {
    const gateway = new FilteredGateway({ hints: tableOf(2, {}, pool) });
    const used = destinationsOf(ask(gateway.worker, { prompt: `0${PROMPT}` }))[0];
    expect(used).toBe(addressOf(0));
    const endpoints = [{ slot: 0, address: "10.7.0.1:80" }, { slot: 1 }];
    gateway.hint(tableOf(0, { endpoints }, pool));
    expect(destinationsOf(ask(gateway.worker, { prompt: `1${PROMPT}` }))[0]).toBe("10.7.0.1:80");
  });
});

test("records kept in case the holder dies are none that are lost where they find no room", () => {
  const gateway = new FilteredGateway({
    workers: 2,
    hints: tableOf(2, {}, { blockBytes: 256 }),
  });
  for (let times = 0; times < 90; times++) {
    ask(gateway.worker, { prompt: `${times} `.repeat(300_000) });
    gateway.run(2);
  }
  expect(gateway.counter("records_dropped")).toBe(0);
});

test("records that find no room in a message are counted", () => {
  const gateway = new FilteredGateway({
    workers: 2,
    hints: tableOf(2, {}, { blockBytes: 256 }),
  });
  for (let times = 0; times < 160; times++) {
    ask(gateway.worker, { prompt: `${times} `.repeat(1_200_000) });
  }
  expect(gateway.counter("records_dropped")).toBeGreaterThan(0);
});

describe("one worker at a time", () => {
  test("polls and reports, over minutes", () => {
    const gateway = new FilteredGateway({ workers: 4 });
    const holder = holderOf(gateway);
    for (let times = 0; times < 20; times++) {
      gateway.run(500);
      expect(gateway.callsTo("control-plane").map(({ vm }) => vm)).toEqual([holder]);
    }
  });

  test("has a gateway's name, which all of them poll under", () => {
    const gateway = new FilteredGateway({ workers: 2 });
    const first = gateway.readPoll().gateways[0]!.id;
    expect(first).toMatch(/^[0-9a-f]{16}$/);
    holderOf(gateway).die(GONE);
    gateway.run(2_000);
    expect(gateway.readPoll().gateways[0]!.id).toBe(first);
  });
});

describe("a worker that joins late", () => {
  function joinLate(gateway: FilteredGateway): Vm {
    const vm = gateway.startWorker();
    gateway.run(600);
    return vm;
  }

  test("knows the table at once", () => {
    const gateway = new FilteredGateway();
    const vm = gateway.startWorker();
    expect(destinationsOf(ask(vm))).toHaveLength(3);
  });

  test("knows the table that came before the others knew of it", () => {
    const gateway = new FilteredGateway({ workers: 2, hints: null });
    gateway.run(10);
    gateway.hint(tableOf(2));
    gateway.run(600);
    for (const vm of gateway.workers) expect(destinationsOf(ask(vm))).toHaveLength(2);
  });

  test("knows loads that came after the table", () => {
    const gateway = new FilteredGateway();
    gateway.hint(hintsFrame({ loads: [{ slot: 1, waiting: 42, state: STATE_DRAINING }] }));
    gateway.hint(hintsFrame({ loads: [{ slot: 2, waiting: 7, running: 3 }] }));
    const { candidates } = explained(joinLate(gateway));
    expect(candidates.map(({ endpoint }) => endpoint)).toEqual([addressOf(0), addressOf(2)]);
    expect(candidates[1]).toMatchObject({ waiting: 7, running: 3 });
  });

  test("knows whose prompts are where, and what is in flight", () => {
    const gateway = new FilteredGateway();
    const request = ask(gateway.worker, { prompt: PROMPT });
    const vm = joinLate(gateway);
    expect(holders(vm)).toEqual([destinationsOf(request)[0]]);
    expect(requestsSeenBy(vm)).toBe(1);
  });

  test("is fresh, as the control plane was heard by another", () => {
    const gateway = new FilteredGateway();
    gateway.run(1_000);
    expect(explained(joinLate(gateway)).stage).toBe("fresh");
  });

  test("knows an index that does not fit one message", () => {
    const endpoints = [0, 1, 2].map((slot) => ({ slot, capacityBlocks: 50_000 }));
    const settings = { indexKeysMax: 100_000 };
    const gateway = new FilteredGateway({ hints: tableOf(0, { settings, endpoints }) });
    const entries = Array.from({ length: 40_000 }, (_, index) => ({
      key: (BigInt(index + 1) * 0x9e37_79b9_7f4a_7c15n) & 0xffff_ffff_ffff_ffffn,
      ageBlocks: 0,
    }));
    gateway.hint(hintsFrame({ entries: [{ slot: 1, entries }] }));
    gateway.run(500);
    joinLate(gateway);
    gateway.run(1_000);
    expect(gateway.metric("hintway.machine_0.index_keys")).toBe(40_000);
    expect(gateway.metric("hintway.machine_1.index_keys")).toBe(40_000);
  });
});

describe("the main thread's second machine, which hears no messages", () => {
  /** Starts two machines of one thread: what is sent to the second is delivered to the first. */
  function start(): { gateway: FilteredGateway; hearing: Vm; deaf: Vm } {
    const gateway = new FilteredGateway({ workers: 1, hints: null });
    const hearing = gateway.worker;
    const deaf = gateway.startWorker();
    deaf.queueReady = (token) => hearing.queueReady(token);
    gateway.run(10);
    return { gateway, hearing, deaf };
  }

  test("never takes the lease", () => {
    const { gateway, hearing } = start();
    gateway.run(3_000);
    expect(holderOf(gateway)).toBe(hearing);
    hearing.die(GONE);
    gateway.run(5_000);
    expect(gateway.poll).toBeUndefined();
  });

  test("gives its number up, and a worker that takes it is heard", () => {
    const { gateway, hearing, deaf } = start();
    gateway.hint(tableOf(3));
    gateway.run(2_000);
    const worker = gateway.startWorker();
    gateway.run(600);
    const request = ask(worker, { prompt: PROMPT });
    gateway.run(300);
    expect(holders(hearing)).toEqual([destinationsOf(request)[0]]);
    expect(Object.keys(gateway.flightGauges()).join()).toContain("machine_1.requests");
    expect(deaf.failure).toBeUndefined();
  });

  test("is sent nothing: what waits in its queue does not grow", () => {
    const { gateway, hearing } = start();
    gateway.hint(tableOf(3));
    for (let times = 0; times < 50; times++) {
      serve(ask(hearing));
      gateway.run(20);
    }
    expect(gateway.sharedQueues.queue(2)!.items).toHaveLength(0);
  });
});

test("a worker that stood still is given up, and its share counts again when it goes on", () => {
  const gateway = new FilteredGateway({ workers: 2 });
  const still = gateway.workers.find((vm) => vm !== holderOf(gateway))!;
  const request = ask(still, { prompt: PROMPT });
  gateway.run(50);
  const { nextTickAtMs } = still;
  still.nextTickAtMs = Number.POSITIVE_INFINITY;
  gateway.run(2_500);
  expect(requestsSeenBy(holderOf(gateway))).toBe(0);
  still.nextTickAtMs = nextTickAtMs + 2_500;
  gateway.run(2_500);
  expect(requestsSeenBy(holderOf(gateway))).toBe(1);
  const busy = Object.values(gateway.flightGauges());
  expect(busy).toContain(1);
  serve(request);
  expect(gateway.flightGauges()).toEqual({});
});

test("workers that start in the same moment do not draw the same random numbers", () => {
  const gateway = new FilteredGateway({ hints: null });
  gateway.nowMs -= 0.25;
  gateway.startWorker();
  gateway.run(10);
  gateway.hint(tableOf(1_000));
  gateway.run(600);
  const picks = gateway.workers.map((vm) =>
    Array.from({ length: 3 }, () => {
      const request = vm.startRequest();
      request.requestHeaders({ ...HEADERS, ":path": "/v1/models" }, true);
      return destinationsOf(request)[0];
    }),
  );
  expect(picks[0]).not.toEqual(picks[1]);
});
