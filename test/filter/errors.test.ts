import { beforeEach, describe, expect, test } from "vitest";
import { ask, destinationsOf, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";
import type { Vm } from "../support/host-emulator/vm.ts";

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway({ workers: 2 });
});

const SICK = addressOf(0);

/** A request that names the sick endpoint, first or not, and is answered there. */
function answer(status: number, vm: Vm = gateway.worker): void {
  serve(ask(vm), { address: SICK, attempts: 1, status });
}

function fail(times: number): void {
  for (let time = 0; time < times; time++) answer(500);
}

/** Endpoints that a request of this worker may go to. It ends unanswered. */
function named(vm: Vm = gateway.worker): string[] {
  const request = ask(vm);
  request.done();
  return destinationsOf(request).sort();
}

function isAvoided(vm?: Vm): boolean {
  return !named(vm).includes(SICK);
}

describe("an endpoint that answers three requests in a row with a server's error", () => {
  test("gets no more picks of any worker", () => {
    fail(3);
    gateway.run(20);
    for (const vm of gateway.workers) expect(isAvoided(vm)).toBe(true);
  });

  test("is not cleared by good probes, which say nothing of its answers", () => {
    fail(3);
    gateway.run(300);
    gateway.hint(hintsFrame({ loads: [{ slot: 0, probeAgeMs: 0 }] }));
    expect(isAvoided()).toBe(true);
  });

  test("is tried by one request after a second, and by the next after two more", () => {
    fail(3);
    gateway.run(1_010);
    expect(isAvoided()).toBe(false);
    answerAsTrial(500);
    gateway.run(1_500);
    expect(isAvoided()).toBe(true);
    gateway.run(520);
    expect(isAvoided()).toBe(false);
  });

  test("gets picks again once a trial and what follows it end well", () => {
    fail(3);
    gateway.run(1_010);
    answer(200);
    expect(isAvoided()).toBe(false);
    answer(200);
    answer(200);
    answer(500);
    expect(isAvoided()).toBe(false);
  });

  test("is picked as a last resort where all others do so too", () => {
    for (const slot of [0, 1, 2]) {
      for (let time = 0; time < 3; time++) {
        serve(ask(gateway.worker), { address: addressOf(slot), attempts: 1, status: 502 });
      }
    }
    expect(named()).toHaveLength(3);
  });
});

function answerAsTrial(status: number): void {
  let request: GatewayRequest;
  do request = ask(gateway.worker);
  while (destinationsOf(request)[0] !== SICK);
  serve(request, { status });
}

test("an endpoint that makes one request in three fail is left as it is", () => {
  for (let round = 0; round < 8; round++) {
    answer(200);
    answer(200);
    answer(500);
    expect(isAvoided()).toBe(false);
  }
});

test("answers that blame the request are none of the endpoint's fault", () => {
  for (const status of [400, 404, 413, 422, 429]) answer(status);
  expect(isAvoided()).toBe(false);
});
