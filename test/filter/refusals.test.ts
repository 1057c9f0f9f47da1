import { expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, chatBody, HEADERS } from "../support/asked.ts";
import { DisaggregatedGateway } from "../support/disaggregated-gateway.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { hintsFrame, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

type Refused = [gateway: FilteredGateway, request: GatewayRequest];
const LOGGED = { isLogged: true };

function withPrefillFailed(): Refused {
  const gateway = new DisaggregatedGateway({ tries: 1, failure: wire.FAILURE_ERROR }, LOGGED);
  const request = ask(gateway.worker, { prompt: "tell me of the sea" });
  gateway.answerLeg("{}", 500);
  return [gateway, request];
}

function withUnreadBody(): Refused {
  const gateway = new DisaggregatedGateway({}, LOGGED);
  return [gateway, ask(gateway.worker, { body: Buffer.from("1f8b08000000", "hex") })];
}

function withLargeBody(): Refused {
  const hints = tableOf(3, { settings: { ...LOGGED, bodyBytesMax: 100 } });
  const gateway = new FilteredGateway({ hints });
  return [gateway, ask(gateway.worker, { prompt: "x".repeat(200) })];
}

function withLargeLength(): Refused {
  const hints = tableOf(3, { settings: { ...LOGGED, bodyBytesMax: 100 } });
  const gateway = new FilteredGateway({ hints });
  const request = gateway.worker.startRequest();
  request.requestHeaders({ ...HEADERS, "content-length": "101" });
  return [gateway, request];
}

function withNoRoom(): Refused {
  const hints = tableOf(3, { settings: { ...LOGGED, heldBytesMax: 100 } });
  const gateway = new FilteredGateway({ hints });
  return [gateway, ask(gateway.worker, { prompt: "x".repeat(200) })];
}

function withHiddenMembers(): Refused {
  const gateway = new FilteredGateway({ hints: tableOf(3, { settings: LOGGED }) });
  return [gateway, ask(gateway.worker, { body: `{"a":${"[".repeat(300)}` })];
}

function withUnknownModel(): Refused {
  const gateway = new FilteredGateway({ workers: 0, hints: null });
  gateway.startWorker({ fallbackCluster: "small" });
  gateway.run(10);
  const pools = [0, 1].map((number) => ({ number, name: `${number}` }));
  const endpoints = pools.map(({ number }) => ({ slot: number, pool: number }));
  const models = { poolOf: { small: 0, large: 1 } };
  gateway.hint(hintsFrame({ pools, endpoints, models, settings: LOGGED }));
  return [gateway, ask(gateway.worker, { body: chatBody("hello", "other") })];
}

function withNoEndpoint(): Refused {
  const gateway = new FilteredGateway({ hints: tableOf(0, { settings: LOGGED }) });
  return [gateway, ask(gateway.worker)];
}

test.each<[string, number, string, () => Refused]>([
  ["that no prefill endpoint has read", 502, "prefill", withPrefillFailed],
  ["whose body cannot be read where it must be", 415, "unreadable", withUnreadBody],
  ["whose body is too large", 413, "too-large", withLargeBody],
  ["whose body is said to be too large", 413, "too-large", withLargeLength],
  ["for whose body there is no room", 429, "held-bytes", withNoRoom],
  ["whose body may hide members", 400, "bad-body", withHiddenMembers],
  ["for a model of no pool", 404, "model", withUnknownModel],
  ["for a pool without endpoints", 503, "no-endpoints", withNoEndpoint],
])("a request %s is answered with %i, which is told and logged", (_, status, reason, refuse) => {
  const [gateway, request] = refuse();
  expect(request.localResponse?.status).toBe(status);
  request.done();
  gateway.run(100);
  const [done] = gateway.told.dones;
  expect(done).toMatchObject({ status, reason, slot: wire.NO_SLOT, pickedSlot: wire.NO_SLOT });
  expect(done!.flags & wire.DONE_FLAG_LOCAL).toBe(wire.DONE_FLAG_LOCAL);
  const logged = Buffer.from(request.property("hintway") as Uint8Array).toString();
  expect(logged).toBe(`pick=- stage=fresh reason=${reason}`);
  expect(gateway.flightGauges()).toEqual({});
  expect(gateway.worker.requestCount).toBe(0);
});

test("a request whose client leaves before anything is picked has no reason", () => {
  const gateway = new DisaggregatedGateway();
  const request = ask(gateway.worker, { prompt: "tell me of the sea" });
  request.reset();
  request.done();
  gateway.run(100);
  expect(gateway.told.dones.at(-1)).toMatchObject({ pickedSlot: wire.NO_SLOT, reason: "none" });
});
