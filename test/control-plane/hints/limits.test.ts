import { afterEach, beforeEach, expect, it } from "vitest";
import type { DiscoveredEndpoint } from "../../../control-plane/discovery/discovered.ts";
import { FRAME_BYTES_MAX, POOL_ENDPOINTS_MAX } from "../../../protocol/limits.ts";
import { STATE_DRAINING } from "../../../protocol/records.ts";
import { readHints, type TestGateway } from "./gateway.ts";
import { Started } from "./started.ts";

const HOUR_MS = 3_600_000;

let started: Started;
let gateway: TestGateway;

beforeEach(async () => {
  started = await Started.start({ engines: 0, probe: { periodMs: HOUR_MS, timeoutMs: 1000 } });
  gateway = started.gateway("a");
});

afterEach(() => started.stop());

/** Endpoints where nothing listens. `network` tells one list's addresses from another's. */
function listed(network: number, count = POOL_ENDPOINTS_MAX): DiscoveredEndpoint[] {
  return Array.from({ length: count }, (_, number) => {
    const address = `127.${network}.${number >> 8}.${number & 255}`;
    return { name: address, namespace: "default", address, port: 1, labels: {} };
  });
}

function addresses(endpoints: DiscoveredEndpoint[]): string[] {
  return endpoints.map(({ address, port }) => `${address}:${port}`).toSorted();
}

/** What a gateway that knows nothing is told, after the frame was verified as a gateway does. */
async function told() {
  gateway.generation = 0;
  const { status, body } = await gateway.pollRaw();
  expect(status).toBe(200);
  expect(body.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
  return readHints(body);
}

async function toldToEnvoy(): Promise<string[]> {
  const { resources } = (await started.discover("/v3/discovery:endpoints", {})).json();
  const endpoints: EnvoyEndpoint[] = resources[0].endpoints[0].lb_endpoints;
  return endpoints.map(({ endpoint: { address } }) => {
    return `${address.socket_address.address}:${address.socket_address.port_value}`;
  });
}

interface EnvoyEndpoint {
  endpoint: { address: { socket_address: { address: string; port_value: number } } };
}

it("a full pool is told in one frame, each endpoint with a slot and a load", async () => {
  started.list(listed(1));
  const { endpoints, loads } = await told();
  expect(endpoints.map(({ address }) => address).toSorted()).toEqual(addresses(listed(1)));
  expect(new Set(endpoints.map(({ slot }) => slot)).size).toBe(POOL_ENDPOINTS_MAX);
  expect(loads).toHaveLength(POOL_ENDPOINTS_MAX);
  expect((await toldToEnvoy()).toSorted()).toEqual(addresses(listed(1)));
});

it("a full pool replaced at once, again and again, is always the listed endpoints", async () => {
  started.list(listed(1));
  await told();
  for (const network of [2, 3, 4, 5, 6, 7]) {
    started.list(listed(network));
    const { endpoints } = await told();
    expect(endpoints.map(({ address }) => address).toSorted()).toEqual(addresses(listed(network)));
    expect((await toldToEnvoy()).toSorted()).toEqual(addresses(listed(network)));
  }
});

it("where some of the old fit beside the new, those that left last go on draining", async () => {
  started.list([...listed(1, 900), ...listed(2, 60)]);
  await told();
  started.list(listed(1, 900));
  started.list([...listed(1, 800), ...listed(3, 200)]);
  const { endpoints, loads } = await told();
  expect(endpoints).toHaveLength(POOL_ENDPOINTS_MAX);
  const drains = new Set(
    loads.filter(({ state }) => state === STATE_DRAINING).map(({ slot }) => slot),
  );
  const draining = endpoints.filter(({ slot }) => drains.has(slot)).map(({ address }) => address);
  expect(draining).toHaveLength(24);
  expect(draining.every((address) => address.startsWith("127.1."))).toBe(true);
});
