// The figures of this moment, as a scrape reads them.
import { STATE_UP } from "../../protocol/records.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { Endpoint } from "../pool/endpoint.ts";
import type { EndpointFigures, Figures } from "./figures.ts";

export function figuresOf(controlPlane: ControlPlane): Figures {
  const { pools, gateways, polls, index, hints } = controlPlane;
  return {
    generation: hints.positions.generation.toString(16).padStart(8, "0"),
    gateways: gateways.count,
    heldPolls: polls.heldCount,
    indexKeys: index.size,
    mode: hints.settings.mode,
    replicas: controlPlane.replicas?.status ?? null,
    pools: [...pools].map((pool) => ({
      name: pool.name,
      bytesPerToken: pool.tokens.bytesPerToken,
      blockBytes: pool.blockBytes,
      endpoints: [...pool.endpoints()].map((endpoint) => endpointFigures(controlPlane, endpoint)),
    })),
  };
}

function endpointFigures(controlPlane: ControlPlane, endpoint: Endpoint): EndpointFigures {
  const { slot, reading } = endpoint;
  return {
    address: endpoint.address,
    isUp: endpoint.state === STATE_UP,
    waiting: reading?.waiting ?? 0,
    running: reading?.running ?? 0,
    kvUse: reading?.kvUse ?? 0,
    inFlight: slot === null ? 0 : controlPlane.hints.shares.others(0, slot).requests,
    indexKeys: slot === null ? 0 : controlPlane.index.sizeOf(slot),
    capacityBlocks: endpoint.toldCapacityBlocks,
  };
}
