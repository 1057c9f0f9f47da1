import { expect, test } from "vitest";
import { ask, beginResponse, destinationsOf, explained, HEADERS } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import type { Vm } from "../support/host-emulator/vm.ts";

const PROMPT = "tell me of the desert ".repeat(200);

/** The time is asked for once a tick, whatever else it does. */
function ticksOf(vm: Vm): number {
  const calls = vm.ledger.names("proxy_on_tick");
  return calls.filter((call) => call === "proxy_get_current_time_nanoseconds").length;
}

/** Long after anything was to be told. */
function restedGateway(workers = 1): FilteredGateway {
  const gateway = new FilteredGateway({ workers });
  gateway.run(1_000);
  for (const vm of gateway.workers) vm.ledger.clear();
  return gateway;
}

test("without requests a machine ticks ten times a second", () => {
  const gateway = restedGateway();
  gateway.run(1_000);
  expect(ticksOf(gateway.worker)).toBe(10);
});

test("an answer that streams on keeps no machine ticking more often", () => {
  const gateway = restedGateway();
  const request = ask(gateway.worker, { prompt: PROMPT });
  beginResponse(request);
  request.responseBody("data: {}\n\n", false);
  gateway.run(200);
  gateway.worker.ledger.clear();
  for (let chunk = 0; chunk < 100; chunk++) {
    request.responseBody("data: {}\n\n", false);
    gateway.run(10);
  }
  expect(ticksOf(gateway.worker)).toBe(10);
});

test("while a request waits for its endpoint a machine ticks every 5 ms", () => {
  const gateway = restedGateway();
  ask(gateway.worker, { prompt: PROMPT });
  gateway.run(1_000);
  expect(ticksOf(gateway.worker)).toBe(200);
});

test("what a machine that rests has to tell is told within 5 ms", () => {
  const gateway = restedGateway(2);
  const [first, second] = gateway.workers as [Vm, Vm];
  // The first is told of at once, what follows at the next tick.
  ask(first, { prompt: "another" });
  const request = ask(first, { prompt: PROMPT });
  gateway.advance(5);
  const { candidates } = explained(second, { prompt: PROMPT });
  const holders = candidates.filter(({ matchedKeys }) => matchedKeys > 0);
  expect(holders.map(({ endpoint }) => endpoint)).toEqual([destinationsOf(request)[0]]);
});

test("picks that came from a machine at rest are reported when a report is due", () => {
  const gateway = restedGateway();
  const before = gateway.reportCount;
  const request = gateway.worker.startRequest();
  request.requestHeaders(HEADERS);
  request.requestBody('{"prompt":"a"}', true);
  beginResponse(request);
  request.responseBody("{}", true);
  request.done();
  gateway.run(55);
  expect(gateway.reportCount).toBeGreaterThan(before);
});
