import { beforeEach, describe, expect, test } from "vitest";
import { ask, beginResponse, destinationsOf, explained, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";
import type { Vm } from "../support/host-emulator/vm.ts";

const PROMPT = "tell me of the sea ".repeat(300);

let gateway: FilteredGateway;
beforeEach(() => {
  gateway = new FilteredGateway({ workers: 3 });
});

function picked(vm: Vm): string[] {
  return explained(vm).candidates.map(({ endpoint }) => endpoint);
}

/** What Envoy says of a request that it has gone on with to the endpoint at `place`. */
function retry(request: GatewayRequest, place: number): void {
  request.setProperties({
    "upstream.address": destinationsOf(request)[place] ?? "",
    "upstream.request_attempt_count": place + 1,
  });
}

/** How often the first worker has looked at one of these. */
function looksAt(requests: GatewayRequest[]): number {
  const ids = requests.map(({ id }) => id);
  const looks = gateway.worker.ledger.entries.filter(
    ({ call, operands }) =>
      call === "proxy_set_effective_context" && ids.includes(Number(operands[0])),
  );
  return looks.length;
}

describe("a request that waits for response headers and is tried on the next endpoint", () => {
  let request: GatewayRequest;
  let first: string;
  let second: string;
  beforeEach(() => {
    request = ask(gateway.worker, { prompt: PROMPT });
    [first, second] = destinationsOf(request) as [string, string];
    retry(request, 1);
    gateway.run(20);
  });

  test("leaves the first marked as failed in all workers, long before its answer", () => {
    for (const vm of gateway.workers) expect(picked(vm)).not.toContain(first);
    expect(gateway.counter("endpoint_failures")).toBe(1);
    expect(gateway.told.failures).toHaveLength(1);
  });

  test("is in flight there, and its prompt is believed to be there", () => {
    gateway.run(20);
    for (const vm of gateway.workers) {
      const { candidates } = explained(vm, { prompt: PROMPT });
      const [busy] = candidates.filter(({ residentBytes }) => residentBytes > 0);
      expect(busy?.endpoint).toBe(second);
      expect(busy?.matchedKeys).toBeGreaterThan(3);
    }
  });

  test("is no second failure when its answer comes, and one retried request", () => {
    gateway.run(500);
    serve(request, { address: second });
    expect(gateway.counter("endpoint_failures")).toBe(1);
    expect(gateway.counter("requests_retried")).toBe(1);
    expect(gateway.flightGauges()).toEqual({});
  });

  test("does not hold a failure against the first that it has recovered from", () => {
    const probe = { slot: [0, 1, 2].findIndex((slot) => addressOf(slot) === first) };
    gateway.run(500);
    gateway.hint(hintsFrame({ loads: [{ ...probe, probeAgeMs: 10 }] }));
    serve(request, { address: second });
    expect(picked(gateway.worker)).toContain(first);
  });

  test("is followed to the third endpoint", () => {
    retry(request, 2);
    gateway.run(20);
    expect(gateway.counter("endpoint_failures")).toBe(2);
  });
});

test("a request whose first try goes on is looked at and nothing is held against anybody", () => {
  const request = ask(gateway.worker);
  retry(request, 0);
  gateway.run(50);
  expect(looksAt([request])).toBeGreaterThan(1);
  expect(gateway.counter("endpoint_failures")).toBe(0);
});

test("while its next endpoint is being connected to, it is not known which ones have failed", () => {
  const request = ask(gateway.worker);
  request.setProperties({ "upstream.request_attempt_count": 2 });
  gateway.run(50);
  expect(gateway.counter("endpoint_failures")).toBe(0);
});

test("a request is looked at no more once its headers have come", () => {
  const requests = Array.from({ length: 5 }, () => ask(gateway.worker));
  gateway.run(30);
  for (const request of requests) beginResponse(request);
  gateway.worker.ledger.clear();
  gateway.run(30);
  expect(looksAt(requests)).toBe(0);
});

test("of many that wait few are looked at in one tick, the young ones first", () => {
  const wait = (count: number) =>
    Array.from({ length: count }, (_, at) => ask(gateway.worker, { prompt: `${at}` }));
  const old = wait(100);
  gateway.run(200);
  gateway.worker.ledger.clear();
  const young = wait(10);
  gateway.run(20);
  expect(looksAt(young)).toBeGreaterThanOrEqual(10);
  expect(looksAt(young) + looksAt(old)).toBeLessThanOrEqual(4 * 16);
  gateway.run(500);
  expect(looksAt(old)).toBeGreaterThan(100);
  for (const request of [...old, ...young]) serve(request);
});

test("under attachment B, where Envoy retries the same endpoint, none is looked at", () => {
  gateway = new FilteredGateway({ attachment: "buffer" });
  const request = ask(gateway.worker);
  gateway.run(50);
  expect(looksAt([request])).toBe(0);
});

test("a request is not looked at while its endpoint answers others, and is when it falls silent", () => {
  const waiting = ask(gateway.worker, { prompt: PROMPT });
  const [address] = destinationsOf(waiting) as [string];
  const answered = (): void => serve(ask(gateway.worker), { address });
  retry(waiting, 0);
  for (let ticks = 0; ticks < 10; ticks++) {
    answered();
    gateway.run(4);
  }
  expect(looksAt([waiting])).toBe(0);
  gateway.run(20);
  expect(looksAt([waiting])).toBeGreaterThan(0);
});
