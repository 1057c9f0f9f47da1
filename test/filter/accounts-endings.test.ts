import { beforeAll, describe, expect, test } from "vitest";
import { STATE_DOWN, STATE_UP } from "../../protocol/records.ts";
import { ask, beginResponse, chatBody, destinationsOf, HEADERS } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { hintsFrame, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const REQUESTS = 100_000;
const LIVE_MAX = 40;
const REMOTE_RESET = 1 << 4;

/** The same numbers in every run (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const random = seeded(20_261);

function leave(request: GatewayRequest): void {
  request.reset();
  request.done();
}

function failLocally(request: GatewayRequest): void {
  request.setProperties({
    "response.flags": REMOTE_RESET,
    "response.code_details": "upstream_reset_before_response_started{connection_failure}",
    "upstream.address": destinationsOf(request).at(-1) ?? "",
  });
  request.respondLocally({ status: 503, body: "reset" });
  request.done();
}

function isServed(request: GatewayRequest): void {
  const named = destinationsOf(request);
  beginResponse(request, { address: named[random(named.length)] ?? "10.9.9.9:1" });
}

/** How a request that has its destination ends. */
const ENDINGS: readonly ((request: GatewayRequest) => void)[] = [
  (request) => {
    isServed(request);
    request.responseBody("{}", true);
    request.done();
  },
  (request) => {
    isServed(request);
    request.responseBody("data: {}\n\n");
    request.responseBody("data: [DONE]\n\n", true);
    request.done();
  },
  (request) => {
    isServed(request);
    leave(request);
  },
  (request) => {
    isServed(request);
    request.responseBody("data: {}\n\n");
    leave(request);
  },
  (request) => {
    isServed(request);
    request.responseBody("data: {}\n\n");
    request.setProperties({ "response.flags": REMOTE_RESET });
    leave(request);
  },
  (request) => {
    isServed(request);
    request.responseTrailers({ "x-end": "1" });
    request.done();
  },
  leave,
  failLocally,
  (request) => {
    request.setProperties({ "response.flags": 2, "response.code_details": "no_healthy_upstream" });
    request.respondLocally({ status: 503 });
    request.done();
  },
  (request) => request.done(),
];

describe(`after ${REQUESTS} requests with every ending, over three workers`, () => {
  let gateway: FilteredGateway;
  const bytes: number[] = [];
  const statuses = new Set<number>();
  /** Requests that the filter did not answer itself. */
  let taken = 0;

  beforeAll(() => {
    gateway = new FilteredGateway({
      workers: 3,
      hints: tableOf(8),
      vm: { isRecording: false },
    });
    const live: GatewayRequest[] = [];
    for (let count = 0; count < REQUESTS; count++) {
      if (count % (REQUESTS / 2) === REQUESTS / 4) bytes.push(gateway.workers[0]!.memory.bytes);
      step(gateway, live, count);
    }
    for (const request of live) ENDINGS[random(ENDINGS.length)]!(request);
    gateway.run(1_000);
  });

  /** One more request; one of those under way ends; now and then the table or time moves on. */
  function step(over: FilteredGateway, live: GatewayRequest[], count: number): void {
    const vm = over.workers[random(3)]!;
    if (random(20) === 0) {
      const request = vm.startRequest();
      request.requestHeaders(HEADERS);
      if (random(2) === 0) request.requestBody(chatBody("gone").slice(0, random(20)));
      leave(request);
      taken++;
    }
    const prompt = `${random(50)}`.repeat(random(5) === 0 ? 5_000 : 20);
    const request = ask(vm, random(10) === 0 ? { body: "not json" } : { prompt });
    taken++;
    if (request.localResponse) {
      statuses.add(request.localResponse.status);
      request.done();
    } else {
      live.push(request);
    }
    if (live.length > random(LIVE_MAX)) {
      const [ended] = live.splice(random(live.length), 1);
      ENDINGS[random(ENDINGS.length)]!(ended!);
    }
    if (random(5) === 0) over.run(5);
    if (count % 500 === 0) churn(over);
  }

  /** Endpoints come back, go, change their slots, and are all down at times. */
  function churn(over: FilteredGateway): void {
    const state = random(8) === 0 ? STATE_DOWN : STATE_UP;
    const endpoints = Array.from({ length: 8 }, (_, slot) => ({
      slot,
      state,
      ...(random(4) === 0 && { address: `10.7.${random(3)}.${slot}:80` }),
    })).filter(() => random(8) > 0);
    over.hint(random(2) === 0 ? tableOf(0, { endpoints }) : hintsFrame({ loads: endpoints }));
  }

  test("every gauge of what is in flight is zero", () => {
    expect(gateway.flightGauges()).toEqual({});
  });

  test("so are the shares that the control plane was told", () => {
    const busy = Array.from({ length: 8 }, (_, slot) => gateway.told.flightOf(slot)).filter(
      (flight) => flight && flight.requests + flight.backlogBytes + flight.residentBytes > 0,
    );
    expect(busy).toEqual([]);
  });

  test("no request is left, and each was told once, picked or refused", () => {
    expect(gateway.workers.map((vm) => vm.requestCount)).toEqual([0, 0, 0]);
    expect(gateway.told.dones).toHaveLength(taken);
    expect(taken).toBeGreaterThan(REQUESTS / 2);
    expect([...statuses]).toEqual([503]);
  });

  test("the workers' memory has not grown since they were warm", () => {
    expect(bytes).toHaveLength(2);
    expect(bytes[1]).toBe(bytes[0]);
  });

  test("no worker has failed", () => {
    expect(gateway.workers.map((vm) => vm.failure)).toEqual([undefined, undefined, undefined]);
    expect(gateway.metric("hintway.messages_refused") ?? 0).toBe(0);
  });
});
