// What gateways are told of one endpoint at this moment.
import { ADAPTERS_MAX, SLOWNESS_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import type { Endpoint } from "../pool/endpoint.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { nameHash } from "./name-hash.ts";
import type { Share } from "./shares.ts";

const U32_MAX = 0xffffffff;

/** `others` is what gateways other than the one that reads this have in flight there. */
export function writeLoad(
  writer: FrameWriter,
  endpoint: Endpoint,
  others: Share,
  nowMs: number,
): void {
  if (endpoint.slot === null) return;
  const { reading, readAtMs } = endpoint;
  const foreign = endpoint.foreign.counted;
  const active = (reading?.adapters.active ?? []).slice(0, ADAPTERS_MAX);
  const waiting = (reading?.adapters.waiting ?? []).slice(0, ADAPTERS_MAX - active.length);
  const names = [...active, ...waiting];
  const valuesAt = wire.LOAD_BYTES + names.length * 8;
  const body = writer.begin(wire.LOAD, valuesAt + endpoint.values.length * 4);
  const view = writer.view;
  const set = (offset: number, value: number) =>
    view.setUint32(body + offset, Math.min(U32_MAX, Math.max(0, Math.round(value))), true);
  set(wire.LOAD_SLOT, endpoint.slot);
  set(wire.LOAD_STATE, endpoint.state);
  set(wire.LOAD_PROBE_AGE_MS, readAtMs === null ? wire.AGE_UNKNOWN_MS : nowMs - readAtMs);
  set(wire.LOAD_WAITING, reading?.waiting ?? 0);
  set(wire.LOAD_RUNNING, reading?.running ?? 0);
  view.setFloat32(body + wire.LOAD_KV_USE, reading?.kvUse ?? 0, true);
  set(wire.LOAD_OTHER_REQUESTS, others.requests);
  set(wire.LOAD_OTHER_BACKLOG_BYTES, others.backlogBytes);
  set(wire.LOAD_OTHER_RESIDENT_BYTES, others.residentBytes);
  set(wire.LOAD_OTHER_UNANSWERED, others.unanswered);
  set(wire.LOAD_FOREIGN_WAITING, foreign.waiting);
  set(wire.LOAD_FOREIGN_REQUESTS, foreign.requests);
  view.setFloat32(body + wire.LOAD_SLOWNESS, Math.min(SLOWNESS_MAX, endpoint.slowness), true);
  set(wire.LOAD_ADAPTERS_MOST, reading?.adapters.most ?? 0);
  set(wire.LOAD_ADAPTERS_ACTIVE, active.length);
  set(wire.LOAD_ADAPTERS_WAITING, waiting.length);
  set(wire.LOAD_VALUES, endpoint.values.length);
  for (const [index, name] of names.entries()) {
    const hash = nameHash(name);
    set(wire.LOAD_BYTES + index * 8, hash.low);
    set(wire.LOAD_BYTES + index * 8 + 4, hash.high);
  }
  for (const [number, value] of endpoint.values.entries()) set(valuesAt + number * 4, value);
}
