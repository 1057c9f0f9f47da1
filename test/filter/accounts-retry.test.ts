import { beforeEach, describe, expect, test } from "vitest";
import {
  DONE_FLAG_NO_EFFECT,
  DONE_FLAG_RETRIED,
  PICK_FLAG_REMOVE,
  STATE_DOWN,
  STATE_UP,
} from "../../protocol/records.ts";
import { ask, beginResponse, destinationsOf, explained, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";
import type { Vm } from "../support/host-emulator/vm.ts";

const PROMPT = "tell me of the mountains ".repeat(200);
const CONNECTION_FAILURE = 1 << 5;

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway({ workers: 3 });
});

function slotOf(address: string | undefined): number {
  return [0, 1, 2].findIndex((slot) => addressOf(slot) === address);
}

/** Endpoints that a worker picks from. */
function picked(vm: Vm): string[] {
  const { candidates } = explained(vm);
  return candidates.map((candidate) => candidate.endpoint).sort();
}

function failOnAll(request: GatewayRequest): void {
  request.setProperties({
    "response.flags": CONNECTION_FAILURE,
    "response.code_details": "upstream_reset_before_response_started",
    "upstream.address": destinationsOf(request).at(-1)!,
  });
  request.respondLocally({ status: 503 });
  request.done();
}

describe("a request that the second endpoint named served", () => {
  test("is in flight there, and its prompt is believed to be there", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const [first, second] = destinationsOf(request);
    beginResponse(request, { address: second! });
    gateway.run(300);
    const name = `hintway.slot_${slotOf(second)}.machine_0.requests`;
    expect(gateway.flightGauges()).toMatchObject({ [name]: 1 });
    request.responseBody("{}", true);
    request.done();
    gateway.run(2_000);
    for (const vm of gateway.workers) {
      const { candidates } = explained(vm, { prompt: PROMPT });
      const matched = candidates.filter(({ matchedKeys }) => matchedKeys > 0);
      expect(matched.map(({ endpoint }) => endpoint)).toEqual([second]);
    }
    expect(gateway.counter("requests_retried")).toBe(1);
    expect(gateway.told.dones[0]).toMatchObject({
      slot: slotOf(second),
      flags: DONE_FLAG_RETRIED,
    });
    const removed = gateway.told.picks.filter(({ flags }) => flags === PICK_FLAG_REMOVE);
    expect(removed.map(({ slot }) => slot)).toEqual([slotOf(first)]);
  });

  test("leaves the first marked as failed in all workers", () => {
    const request = ask(gateway.worker, { prompt: PROMPT });
    const [first, second, third] = destinationsOf(request);
    serve(request, { address: second! });
    gateway.run(5);
    for (const vm of gateway.workers) expect(picked(vm)).toEqual([second, third].sort());
    gateway.run(100);
    expect(gateway.told.failures).toEqual([slotOf(first)]);
  });

  test("keeps what the first held before", () => {
    const start = "once upon a time ".repeat(300);
    const opening = ask(gateway.worker, { prompt: start });
    const [first, second] = destinationsOf(opening);
    serve(opening);
    const request = ask(gateway.worker, { prompt: start + PROMPT });
    expect(destinationsOf(request)[0]).toBe(first);
    serve(request, { address: second! });
    gateway.run(2_000);
    const { candidates } = explained(gateway.worker, { prompt: start });
    expect(candidates.find(({ endpoint }) => endpoint === first)?.matchedKeys).toBeGreaterThan(3);
  });
});

test("a request that the third endpoint served leaves two marked as failed", () => {
  const request = ask(gateway.worker);
  const [, , third] = destinationsOf(request);
  serve(request, { address: third! });
  expect(picked(gateway.worker)).toEqual([third]);
  expect(gateway.counter("endpoint_failures")).toBe(2);
});

describe("after a request that failed on all endpoints", () => {
  beforeEach(() => {
    failOnAll(ask(gateway.worker));
    gateway.run(5);
  });

  test("the next ones are picked among these as a last resort, and say so", () => {
    for (const vm of gateway.workers) {
      const { lastResort, candidates } = explained(vm);
      expect(lastResort).toBe(true);
      expect(candidates).toHaveLength(3);
    }
    expect(gateway.counter("picks_last_resort")).toBe(3);
  });

  test("the one that serves again is picked alone, until probes find the others well", () => {
    const request = ask(gateway.worker);
    const [first] = destinationsOf(request);
    serve(request);
    const { lastResort, candidates } = explained(gateway.worker);
    expect(lastResort).toBeUndefined();
    expect(candidates.map(({ endpoint }) => endpoint)).toEqual([first]);
  });

  test("those that the control plane holds to be down are not, and with all down none is", () => {
    const loads = [0, 1, 2].map((slot) => ({ slot, state: slot === 1 ? STATE_UP : STATE_DOWN }));
    gateway.hint(hintsFrame({ loads }));
    for (const vm of gateway.workers) expect(picked(vm)).toEqual([addressOf(1)]);
    gateway.hint(hintsFrame({ loads: [{ slot: 1, state: STATE_DOWN }] }));
    const { localResponse } = ask(gateway.worker);
    expect(localResponse?.status).toBe(503);
    const reason = localResponse?.headers.get("x-llm-d-request-dropped-reason");
    expect(reason).toBe("rejected-no-endpoints");
  });
});

test("a server's own error is no failure of its endpoint", () => {
  serve(ask(gateway.worker), { status: 500 });
  expect(picked(gateway.worker)).toHaveLength(3);
  expect(gateway.counter("endpoint_failures")).toBe(0);
});

test("a local reply for another reason is no failure of an endpoint", () => {
  const request = ask(gateway.worker);
  request.setProperties({ "response.flags": 1 << 2, "response.code_details": "response_timeout" });
  request.respondLocally({ status: 504 });
  request.done();
  expect(picked(gateway.worker)).toHaveLength(3);
});

describe("an endpoint that failed is picked again", () => {
  let failed: string;
  beforeEach(() => {
    const request = ask(gateway.worker);
    failed = destinationsOf(request)[0]!;
    serve(request, { address: destinationsOf(request)[1]! });
    gateway.run(500);
  });

  test("after a good probe that began later, in all workers", () => {
    const load = { slot: slotOf(failed), probeAgeMs: 10 };
    gateway.hint(hintsFrame({ loads: [load] }));
    gateway.run(5);
    for (const vm of gateway.workers) expect(picked(vm)).toContain(failed);
  });

  test("not after a probe that was good before it failed", () => {
    gateway.hint(hintsFrame({ loads: [{ slot: slotOf(failed), probeAgeMs: 600 }] }));
    for (const vm of gateway.workers) expect(picked(vm)).not.toContain(failed);
  });

  test("by one request of a worker when its time has come, and by all once that was served", () => {
    gateway.run(600);
    const trials = Array.from({ length: 30 }, (_, index) =>
      ask(gateway.worker, { prompt: `${index}`.repeat(5_000) }),
    ).filter((request) => destinationsOf(request)[0] === failed);
    expect(trials).toHaveLength(1);
    expect(picked(gateway.worker)).not.toContain(failed);
    serve(trials[0]!);
    expect(picked(gateway.worker)).toContain(failed);
  });

  test("later where its trial failed too", () => {
    gateway.run(600);
    const trial = untilPicked(failed);
    serve(trial, { address: destinationsOf(trial)[1]! });
    gateway.run(1_500);
    expect(picked(gateway.worker)).not.toContain(failed);
    gateway.run(600);
    expect(picked(gateway.worker)).toContain(failed);
  });
});

test("many requests that fail together make an endpoint wait no longer than one", () => {
  const requests = Array.from({ length: 30 }, () => ask(gateway.worker));
  const first = destinationsOf(requests[0]!)[0]!;
  for (const request of requests.filter((each) => destinationsOf(each)[0] === first)) {
    serve(request, { address: destinationsOf(request)[1]! });
  }
  gateway.run(1_200);
  expect(picked(gateway.worker)).toContain(first);
});

test("an endpoint takes nothing over from the one that had its slot before", () => {
  failOnAll(ask(gateway.worker));
  const endpoints = [0, 1, 2].map((slot) => ({
    slot,
    address: `10.7.0.${slot}:80`,
    probeAgeMs: 4_000_000_000,
  }));
  gateway.hint(tableOf(0, { endpoints }));
  expect(picked(gateway.worker)).toHaveLength(3);
});

describe("a pick has no effect", () => {
  test("where an endpoint served that it did not name: load and prompt are there", () => {
    gateway.hint(tableOf(3, { settings: { fallbacks: 0 } }));
    const request = ask(gateway.worker, { prompt: PROMPT });
    const other = addressOf((slotOf(destinationsOf(request)[0]) + 1) % 3);
    beginResponse(request, { address: other });
    const name = `hintway.slot_${slotOf(other)}.machine_0.requests`;
    expect(gateway.flightGauges()).toMatchObject({ [name]: 1 });
    request.responseBody("{}", true);
    request.done();
    expect(gateway.counter("picks_without_effect")).toBe(1);
    expect(gateway.counter("endpoint_failures")).toBe(0);
    expect(gateway.told.dones[0]?.flags).toBe(DONE_FLAG_NO_EFFECT);
  });

  test("and is no retry where it named several", () => {
    gateway.hint(tableOf(3, { settings: { fallbacks: 1 } }));
    const request = ask(gateway.worker);
    const named = destinationsOf(request);
    const other = [0, 1, 2].map(addressOf).find((address) => !named.includes(address))!;
    serve(request, { address: other });
    expect(gateway.counter("requests_retried")).toBe(0);
    expect(gateway.told.dones[0]?.flags).toBe(DONE_FLAG_NO_EFFECT);
  });

  test("and none of those named has failed, however many tries were made of others", () => {
    gateway.hint(tableOf(3, { settings: { fallbacks: 1 } }));
    const request = ask(gateway.worker);
    const named = destinationsOf(request);
    const other = [0, 1, 2].map(addressOf).find((address) => !named.includes(address))!;
    serve(request, { address: other, attempts: 2 });
    expect(gateway.counter("endpoint_failures")).toBe(0);
    expect(gateway.counter("requests_retried")).toBe(1);
    expect(picked(gateway.worker)).toHaveLength(3);
  });

  test("and an endpoint that Envoy passed over, not knowing it yet, has not failed", () => {
    gateway.hint(tableOf(3, { settings: { fallbacks: 2 } }));
    const request = ask(gateway.worker);
    serve(request, { address: destinationsOf(request)[1]!, attempts: 1 });
    expect(gateway.counter("endpoint_failures")).toBe(0);
    expect(gateway.counter("requests_retried")).toBe(0);
  });

  test("where somebody served whom the table does not know", () => {
    serve(ask(gateway.worker), { address: "10.9.9.9:1" });
    expect(gateway.counter("picks_without_effect")).toBe(1);
    expect(gateway.flightGauges()).toEqual({});
  });
});

function untilPicked(address: string): GatewayRequest {
  for (let times = 0; times < 100; times++) {
    const request = ask(gateway.worker, { prompt: `${times}`.repeat(3_000) });
    if (destinationsOf(request)[0] === address) return request;
    serve(request);
  }
  throw new Error(`${address} was not picked in 100 requests`);
}
