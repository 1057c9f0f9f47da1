// What a table tells of a pool that disaggregates, and of its endpoints' parts.
import type { FrameWriter } from "../../control-plane/hints/frame-writer.ts";
import { padded } from "../../protocol/frame.ts";
import * as wire from "../../protocol/records.ts";
import type { EncodingHint } from "./encoding-written.ts";
import { record } from "./record-written.ts";

/** How a pool disaggregates; what is left out is always, by roles, with NIXL. */
export interface DisaggregationHint {
  readonly hasRoles?: boolean;
  readonly decider?: number;
  readonly parameters?: readonly [number, number];
  readonly profiles?: readonly [decode: number, prefill: number, transferred: number];
  readonly connector?: number;
  readonly failure?: number;
  readonly timeoutMs?: number;
  readonly tries?: number;
  readonly encoding?: EncodingHint;
}

export interface RoleHint {
  /** Bits; written where it is given. */
  readonly roles?: number;
  readonly connector?: number;
  readonly group?: number;
  readonly tensorParallel?: number;
  readonly bootstrapPort?: number;
  readonly rank?: number;
  /** The engine's name. */
  readonly engine?: string;
}

export function writeDisaggregation(
  writer: FrameWriter,
  pool: number,
  one: DisaggregationHint,
): void {
  record(writer, wire.DISAGGREGATION, wire.DISAGGREGATION_BYTES, (set, view, body) => {
    const [decode, prefill, transferred] = one.profiles ?? [0, 0, 0];
    const [first, second] = one.parameters ?? [0, 0];
    set(wire.DISAGGREGATION_POOL, pool);
    set(wire.DISAGGREGATION_FLAGS, one.hasRoles === false ? 0 : wire.DISAGGREGATION_FLAG_ROLES);
    set(wire.DISAGGREGATION_DECIDER, one.decider ?? wire.DECIDE_ALWAYS);
    view.setFloat32(body + wire.DISAGGREGATION_PARAMETERS, first, true);
    view.setFloat32(body + wire.DISAGGREGATION_PARAMETERS + 4, second, true);
    set(wire.DISAGGREGATION_DECODE, decode);
    set(wire.DISAGGREGATION_PREFILL, prefill);
    set(wire.DISAGGREGATION_TRANSFERRED, transferred);
    set(wire.DISAGGREGATION_CONNECTOR, one.connector ?? wire.CONNECTOR_NIXL);
    set(wire.DISAGGREGATION_FAILURE, one.failure ?? wire.FAILURE_DECODE_ALONE);
    set(wire.DISAGGREGATION_TIMEOUT_MS, one.timeoutMs ?? 60_000);
    set(wire.DISAGGREGATION_TRIES, one.tries ?? 2);
  });
}

export function writeRole(
  writer: FrameWriter,
  endpoint: RoleHint & { readonly slot: number },
): void {
  const { roles } = endpoint;
  if (roles === undefined) return;
  const engine = Buffer.from(endpoint.engine ?? "");
  record(writer, wire.ROLE, wire.ROLE_BYTES + padded(engine.length), (set, _, body) => {
    set(wire.ROLE_SLOT, endpoint.slot);
    set(wire.ROLE_ROLES, roles);
    set(wire.ROLE_CONNECTOR, endpoint.connector ?? wire.CONNECTOR_OF_POOL);
    set(wire.ROLE_GROUP_LOW, endpoint.group ?? 0);
    set(wire.ROLE_GROUP_HIGH, 0);
    set(wire.ROLE_TENSOR_PARALLEL, endpoint.tensorParallel ?? 0);
    set(wire.ROLE_PORT, endpoint.bootstrapPort ?? 8998);
    set(wire.ROLE_RANK, endpoint.rank ?? 0);
    set(wire.ROLE_ENGINE_BYTES, engine.length);
    writer.writeBytes(body + wire.ROLE_BYTES, engine);
  });
}
