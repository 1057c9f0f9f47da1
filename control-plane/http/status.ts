// All that the status page shows, as one object.
import type { ControlPlane } from "../control-plane.ts";
import { type Endpoint, stateName } from "../pool/endpoint.ts";

export type Status = ReturnType<typeof statusOf>;

export function statusOf(controlPlane: ControlPlane) {
  const { pool, hints, index, gateways, polls, configuration, now } = controlPlane;
  const { generation, table, loads, index: picks } = hints.positions;
  return {
    generation: generation.toString(16).padStart(8, "0"),
    positions: { table, loads, index: picks },
    ready: pool.isReady,
    configuration: {
      source: configuration.inForce.source,
      profiles: configuration.inForce.scheduling.profiles.map(({ name, steps }) => ({
        name,
        steps: steps.map((step) => step.plugin),
      })),
      warnings: configuration.inForce.warnings,
      lastRefusal: configuration.lastRefusal,
    },
    index: { keys: index.size, keysMax: index.keysMax },
    pools: [
      {
        name: pool.name,
        blockBytes: pool.blockBytes,
        blockBytesMin: pool.blockBytesMin,
        bytesPerToken: round(pool.tokens.bytesPerToken),
        endpoints: [...pool.endpoints()].map((endpoint) => endpointStatus(controlPlane, endpoint)),
      },
    ],
    gateways: [...gateways.all()].map((gateway) => ({
      id: gateway.id,
      version: gateway.version,
      versions: `${gateway.versionMin}-${gateway.versionMax}`,
      polling: polls.isHeld(gateway),
      lastContactMs: Math.round(now() - gateway.lastContactMs),
      polls: gateway.polls,
      reports: gateway.reports,
    })),
  };
}

function endpointStatus(controlPlane: ControlPlane, endpoint: Endpoint) {
  const { hints, index, now } = controlPlane;
  const { reading, readAtMs, slot } = endpoint;
  return {
    address: endpoint.address,
    name: endpoint.discovered.name,
    slot,
    state: stateName(endpoint.state),
    engine: reading?.engine ?? null,
    waiting: reading?.waiting ?? null,
    running: reading?.running ?? null,
    kvUse: reading ? round(reading.kvUse) : null,
    score: round(endpoint.score),
    probedMs: readAtMs === null ? null : Math.round(now() - readAtMs),
    inFlight: slot === null ? null : hints.shares.others(0, slot),
    capacityBlocks: endpoint.toldCapacityBlocks,
    capacityFactor: round(endpoint.capacityFactor),
    indexKeys: slot === null ? 0 : index.sizeOf(slot),
    adapters: reading?.adapters.active ?? [],
    labels: endpoint.discovered.labels,
    lastFailure: endpoint.lastFailure,
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
