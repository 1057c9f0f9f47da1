// What a gateway sends its control plane, as plain objects.

import {
  FRAME_HEADER_BYTES,
  FRAME_OK,
  frameGeneration,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKind,
  verifyEnvelope,
} from "../../protocol/frame.ts";
import { holderAge, holderSlot } from "../../protocol/holders.ts";
import { reasonName } from "../../protocol/reasons.ts";
import * as wire from "../../protocol/records.ts";

export interface SentPick {
  readonly slot: number;
  readonly flags: number;
  readonly uncachedBytes: number;
  readonly keys: bigint[];
}

export interface SentFlight {
  readonly slot: number;
  readonly requests: number;
  readonly backlogBytes: number;
  readonly residentBytes: number;
  readonly unanswered: number;
}

export interface SentDone {
  readonly slot: number;
  readonly status: number;
  readonly flags: number;
  readonly promptBytes: number;
  readonly matchedBytes: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly firstByteMs: number;
  readonly totalMs: number;
  readonly stage: number;
  readonly aheadBytes: number;
  readonly pickedSlot: number;
  readonly pickedMatchedBytes: number;
  readonly reason: string;
  readonly priority: number;
}

export interface SentLeg {
  readonly slot: number;
  readonly outcome: number;
  readonly status: number;
  readonly ms: number;
  readonly promptBytes: number;
  readonly uncachedBytes: number;
  readonly parametersBytes: number;
  readonly stage: number;
}

export interface SentGateway {
  readonly id: string;
  readonly versionMin: number;
  readonly versionMax: number;
  readonly generation: number;
  readonly position: { readonly table: number; readonly loads: number; readonly index: number };
  readonly holdMs: number;
  readonly origin: number;
  readonly toldMs: number;
}

/** All records of one frame or of several. */
export class SentRecords {
  readonly gateways: SentGateway[] = [];
  readonly endpoints: { readonly slot: number; readonly address: string }[] = [];
  readonly picks: SentPick[] = [];
  readonly flights: SentFlight[] = [];
  readonly dones: SentDone[] = [];
  readonly legs: SentLeg[] = [];
  readonly failures: number[] = [];
  readonly entries: { readonly slot: number; readonly key: bigint; readonly ageBlocks: number }[] =
    [];
  generation = 0;

  /** Adds a frame; throws where the control plane would refuse it. */
  add(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const verdict = verifyEnvelope(view, 0, view.byteLength);
    if (verdict !== FRAME_OK)
      throw new Error(`the gateway sent a frame that is refused: ${verdict}`);
    this.generation = frameGeneration(view, 0);
    for (let at = FRAME_HEADER_BYTES; at < view.byteLength; ) {
      const bytes = recordBytes(view, at);
      const start = view.byteOffset + at + RECORD_HEADER_BYTES;
      this.#take(recordKind(view, at), new DataView(view.buffer, start, bytes));
      at += RECORD_HEADER_BYTES + bytes;
    }
  }

  /** The share of a slot that was told last. */
  flightOf(slot: number): SentFlight | undefined {
    return this.flights.findLast((flight) => flight.slot === slot);
  }

  #take(kind: number, view: DataView): void {
    const read = (offset: number) => view.getUint32(offset, true);
    if (kind === wire.GATEWAY) this.gateways.push(readGateway(view, read));
    else if (kind === wire.ENDPOINT) this.endpoints.push(readEndpoint(view, read));
    else if (kind === wire.PICK) this.picks.push(readPick(view, read));
    else if (kind === wire.FLIGHT) this.flights.push(readFlight(read));
    else if (kind === wire.DONE) this.dones.push(readDone(read));
    else if (kind === wire.LEG) this.legs.push(readLeg(read));
    else if (kind === wire.FAILURE) this.failures.push(read(wire.FAILURE_SLOT));
    else if (kind === wire.ENTRIES) this.#takeEntries(view, read);
    else throw new Error(`the gateway sent a record of kind ${kind}, which is not its to send`);
  }

  #takeEntries(view: DataView, read: Read): void {
    for (let index = 0; index < read(wire.ENTRIES_COUNT); index++) {
      const at = wire.ENTRIES_BYTES + index * wire.ENTRY_BYTES;
      const key = view.getBigUint64(at, true);
      const holder = read(at + wire.ENTRY_HOLDER);
      const [slot, ageBlocks] = [holderSlot(holder), holderAge(holder)];
      this.entries.push({ slot, key, ageBlocks });
    }
  }
}

type Read = (offset: number) => number;

function text(view: DataView, at: number, bytes: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, bytes).toString("latin1");
}

function readGateway(view: DataView, read: Read): SentGateway {
  return {
    id: text(view, wire.GATEWAY_ID, 16),
    versionMin: read(wire.GATEWAY_VERSION_MIN),
    versionMax: read(wire.GATEWAY_VERSION_MAX),
    generation: read(wire.GATEWAY_GENERATION),
    position: {
      table: read(wire.GATEWAY_TABLE),
      loads: read(wire.GATEWAY_LOADS),
      index: read(wire.GATEWAY_INDEX),
    },
    holdMs: read(wire.GATEWAY_HOLD_MS),
    origin: read(wire.GATEWAY_ORIGIN),
    toldMs: read(wire.GATEWAY_TOLD_MS),
  };
}

function readEndpoint(view: DataView, read: Read): { slot: number; address: string } {
  const address = text(view, wire.ENDPOINT_BYTES, read(wire.ENDPOINT_ADDRESS_BYTES));
  return { slot: read(wire.ENDPOINT_SLOT), address };
}

function readPick(view: DataView, read: Read): SentPick {
  const keys = Array.from({ length: read(wire.PICK_KEYS) }, (_, index) =>
    view.getBigUint64(wire.PICK_BYTES + index * 8, true),
  );
  return {
    slot: read(wire.PICK_SLOT),
    flags: read(wire.PICK_FLAGS),
    uncachedBytes: read(wire.PICK_UNCACHED_BYTES),
    keys,
  };
}

function readFlight(read: Read): SentFlight {
  return {
    slot: read(wire.FLIGHT_SLOT),
    requests: read(wire.FLIGHT_REQUESTS),
    backlogBytes: read(wire.FLIGHT_BACKLOG_BYTES),
    residentBytes: read(wire.FLIGHT_RESIDENT_BYTES),
    unanswered: read(wire.FLIGHT_UNANSWERED),
  };
}

function readLeg(read: Read): SentLeg {
  return {
    slot: read(wire.LEG_SLOT),
    outcome: read(wire.LEG_OUTCOME),
    status: read(wire.LEG_STATUS),
    ms: read(wire.LEG_MS),
    promptBytes: read(wire.LEG_PROMPT_BYTES),
    uncachedBytes: read(wire.LEG_UNCACHED_BYTES),
    parametersBytes: read(wire.LEG_PARAMETERS_BYTES),
    stage: read(wire.LEG_STAGE),
  };
}

function readDone(read: Read): SentDone {
  return {
    slot: read(wire.DONE_SLOT),
    status: read(wire.DONE_STATUS),
    flags: read(wire.DONE_FLAGS),
    promptBytes: read(wire.DONE_PROMPT_BYTES),
    matchedBytes: read(wire.DONE_MATCHED_BYTES),
    promptTokens: read(wire.DONE_PROMPT_TOKENS),
    cachedTokens: read(wire.DONE_CACHED_TOKENS),
    completionTokens: read(wire.DONE_COMPLETION_TOKENS),
    firstByteMs: read(wire.DONE_FIRST_BYTE_MS),
    totalMs: read(wire.DONE_TOTAL_MS),
    stage: read(wire.DONE_STAGE),
    aheadBytes: read(wire.DONE_AHEAD_BYTES),
    pickedSlot: read(wire.DONE_PICKED_SLOT),
    pickedMatchedBytes: read(wire.DONE_PICKED_MATCHED_BYTES),
    reason: reasonName(read(wire.DONE_REASON)),
    priority: read(wire.DONE_PRIORITY) | 0,
  };
}
