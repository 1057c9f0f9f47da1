// Writes the records a gateway sends, field by field from the protocol's offsets.

import {
  beginRecord,
  FRAME_HEADER_BYTES,
  padded,
  RECORD_HEADER_BYTES,
  sealFrame,
} from "../../../protocol/frame.ts";
import { holderOf } from "../../../protocol/holders.ts";
import { FRAME_BYTES_MAX } from "../../../protocol/limits.ts";
import { REASON_PREFIX } from "../../../protocol/reasons.ts";
import * as wire from "../../../protocol/records.ts";

export interface Claim {
  id: Buffer;
  versionMin: number;
  versionMax: number;
  generation: number;
  table: number;
  loads: number;
  index: number;
  holdMs: number;
  origin: number;
  toldMs: number;
}

export interface Done {
  slot: number;
  status?: number;
  flags?: number;
  promptBytes?: number;
  matchedBytes?: number;
  promptTokens?: number;
  cachedTokens?: number;
  completionTokens?: number;
  firstByteMs?: number;
  totalMs?: number;
  model?: { low: number; high: number };
  stage?: number;
  pool?: number;
  aheadBytes?: number;
  pickedSlot?: number;
  pickedMatchedBytes?: number;
  reason?: number;
  priority?: number;
}

export function beginFrame(claim: Claim): Records {
  const records = new Records();
  records.record(wire.GATEWAY, wire.GATEWAY_BYTES, (view, body) => {
    for (let at = 0; at < 16; at++) view.setUint8(body + at, claim.id[at]!);
    view.setUint32(body + wire.GATEWAY_VERSION_MIN, claim.versionMin, true);
    view.setUint32(body + wire.GATEWAY_VERSION_MAX, claim.versionMax, true);
    view.setUint32(body + wire.GATEWAY_GENERATION, claim.generation, true);
    view.setUint32(body + wire.GATEWAY_TABLE, claim.table, true);
    view.setUint32(body + wire.GATEWAY_LOADS, claim.loads, true);
    view.setUint32(body + wire.GATEWAY_INDEX, claim.index, true);
    view.setUint32(body + wire.GATEWAY_HOLD_MS, claim.holdMs, true);
    view.setUint32(body + wire.GATEWAY_ORIGIN, claim.origin, true);
    view.setUint32(body + wire.GATEWAY_TOLD_MS, claim.toldMs, true);
  });
  return records;
}

export class Records {
  readonly #bytes = Buffer.alloc(FRAME_BYTES_MAX);
  readonly #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
  #end = FRAME_HEADER_BYTES;

  record(kind: number, bytes: number, write: (view: DataView, body: number) => void): void {
    write(this.#view, beginRecord(this.#view, this.#end, kind, bytes));
    this.#end += RECORD_HEADER_BYTES + bytes;
  }

  endpoint(slot: number, address: string): void {
    const text = Buffer.from(address);
    this.record(wire.ENDPOINT, wire.ENDPOINT_BYTES + padded(text.length), (view, body) => {
      view.setUint32(body + wire.ENDPOINT_SLOT, slot, true);
      view.setUint32(body + wire.ENDPOINT_ADDRESS_BYTES, text.length, true);
      for (const [at, byte] of text.entries()) view.setUint8(body + wire.ENDPOINT_BYTES + at, byte);
    });
  }

  flight(
    slot: number,
    requests: number,
    backlogBytes: number,
    residentBytes: number,
    unanswered = 0,
  ): void {
    this.record(wire.FLIGHT, wire.FLIGHT_BYTES, (view, body) => {
      view.setUint32(body + wire.FLIGHT_SLOT, slot, true);
      view.setUint32(body + wire.FLIGHT_REQUESTS, requests, true);
      view.setUint32(body + wire.FLIGHT_BACKLOG_BYTES, backlogBytes, true);
      view.setUint32(body + wire.FLIGHT_RESIDENT_BYTES, residentBytes, true);
      view.setUint32(body + wire.FLIGHT_UNANSWERED, unanswered, true);
    });
  }

  pick(slot: number, keys: [number, number][], flags = 0): void {
    this.record(wire.PICK, wire.PICK_BYTES + keys.length * 8, (view, body) => {
      view.setUint32(body + wire.PICK_SLOT, slot, true);
      view.setUint32(body + wire.PICK_FLAGS, flags, true);
      view.setUint32(body + wire.PICK_KEYS, keys.length, true);
      for (const [index, [low, high]] of keys.entries()) {
        view.setUint32(body + wire.PICK_BYTES + index * 8, low, true);
        view.setUint32(body + wire.PICK_BYTES + index * 8 + 4, high, true);
      }
    });
  }

  entries(slot: number, entries: { low: number; high: number; age: number }[]): void {
    const bytes = wire.ENTRIES_BYTES + entries.length * wire.ENTRY_BYTES;
    this.record(wire.ENTRIES, bytes, (view, body) => {
      view.setUint32(body + wire.ENTRIES_COUNT, entries.length, true);
      for (const [index, { low, high, age }] of entries.entries()) {
        const at = body + wire.ENTRIES_BYTES + index * wire.ENTRY_BYTES;
        view.setUint32(at, low, true);
        view.setUint32(at + 4, high, true);
        view.setUint32(at + wire.ENTRY_HOLDER, holderOf(slot, age), true);
      }
    });
  }

  done(done: Done): void {
    this.record(wire.DONE, wire.DONE_BYTES, (view, body) => {
      const set = (offset: number, value: number) => view.setUint32(body + offset, value, true);
      set(wire.DONE_SLOT, done.slot);
      set(wire.DONE_STATUS, done.status ?? 200);
      set(wire.DONE_FLAGS, done.flags ?? 0);
      set(wire.DONE_PROMPT_BYTES, done.promptBytes ?? 0);
      set(wire.DONE_MATCHED_BYTES, done.matchedBytes ?? 0);
      set(wire.DONE_PROMPT_TOKENS, done.promptTokens ?? wire.NO_COUNT);
      set(wire.DONE_CACHED_TOKENS, done.cachedTokens ?? wire.NO_COUNT);
      set(wire.DONE_COMPLETION_TOKENS, done.completionTokens ?? wire.NO_COUNT);
      set(wire.DONE_FIRST_BYTE_MS, done.firstByteMs ?? wire.NO_COUNT);
      set(wire.DONE_TOTAL_MS, done.totalMs ?? 0);
      set(wire.DONE_MODEL_LOW, done.model?.low ?? 0);
      set(wire.DONE_MODEL_HIGH, done.model?.high ?? 0);
      set(wire.DONE_STAGE, done.stage ?? wire.STAGE_FRESH);
      set(wire.DONE_POOL, done.pool ?? wire.NO_NUMBER);
      set(wire.DONE_AHEAD_BYTES, done.aheadBytes ?? 0);
      set(wire.DONE_PICKED_SLOT, done.pickedSlot ?? done.slot);
      set(wire.DONE_PICKED_MATCHED_BYTES, done.pickedMatchedBytes ?? 0);
      set(wire.DONE_REASON, done.reason ?? REASON_PREFIX);
      view.setInt32(body + wire.DONE_PRIORITY, done.priority ?? 0, true);
    });
  }

  leg(leg: { slot: number; outcome: number; ms: number; parametersBytes: number }): void {
    this.record(wire.LEG, wire.LEG_BYTES, (view, body) => {
      view.setUint32(body + wire.LEG_SLOT, leg.slot, true);
      view.setUint32(body + wire.LEG_OUTCOME, leg.outcome, true);
      view.setUint32(body + wire.LEG_MS, leg.ms, true);
      view.setUint32(body + wire.LEG_PARAMETERS_BYTES, leg.parametersBytes, true);
    });
  }

  failure(slot: number): void {
    this.record(wire.FAILURE, wire.FAILURE_BYTES, (view, body) => {
      view.setUint32(body + wire.FAILURE_SLOT, slot, true);
    });
  }

  seal(generation: number, version = 1): Buffer<ArrayBuffer> {
    sealFrame(this.#view, 0, this.#end - FRAME_HEADER_BYTES, version, 0, generation, 0);
    return Buffer.from(this.#bytes.subarray(0, this.#end));
  }
}
