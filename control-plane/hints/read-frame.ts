// A frame from a gateway, verified as a whole before any record of it takes effect.
import {
  FRAME_CHECKSUM,
  FRAME_HEADER_BYTES,
  FRAME_NOT_OURS,
  FRAME_OK,
  FRAME_OVER_LIMIT,
  FRAME_RECORD,
  FRAME_TRUNCATED,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKind,
  verifyEnvelope,
  verifyFrame,
} from "../../protocol/frame.ts";
import { ADDRESS_BYTES_MAX, PROMPT_KEYS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { type HintwayError, reportRefused } from "../errors.ts";

/** Why a frame is refused, as metrics and answers name it. */
export type Refusal =
  | "truncated"
  | "not-ours"
  | "over-limit"
  | "checksum"
  | "record"
  | "no-gateway";

const REASONS = new Map<number, Refusal>([
  [FRAME_TRUNCATED, "truncated"],
  [FRAME_NOT_OURS, "not-ours"],
  [FRAME_OVER_LIMIT, "over-limit"],
  [FRAME_CHECKSUM, "checksum"],
  [FRAME_RECORD, "record"],
]);

/**
 * Verifies what is the same in every version: a whole frame that begins with a GATEWAY record. Null
 * when nothing is wrong.
 */
export function refusalOf(view: DataView): Refusal | null {
  const verdict = verifyEnvelope(view, 0, view.byteLength);
  if (verdict !== FRAME_OK) return REASONS.get(verdict) ?? "record";
  return beginsWithGateway(view) ? null : "no-gateway";
}

/** Frames that stand one behind the other, by the lengths they say; what is no whole one ends them. */
export function* framesIn(bytes: Buffer): Generator<DataView> {
  for (let at = 0; bytes.length - at >= FRAME_HEADER_BYTES; ) {
    const length = FRAME_HEADER_BYTES + bytes.readUInt32LE(at + FRAME_LENGTH_AT);
    if (length > bytes.length - at) return;
    // A copy starts at a multiple of four.
    const frame = Uint8Array.prototype.slice.call(bytes, at, at + length);
    yield new DataView(frame.buffer, frame.byteOffset, length);
    at += length;
  }
}

const FRAME_LENGTH_AT = 8;

/** Whether bytes are a frame of ours from whomever, whole and with sound records. */
export function isSoundFrame(view: DataView): boolean {
  return verifyFrame(view, 0, view.byteLength) === FRAME_OK && everyRecordIsSound(view);
}

/** Up to here a GATEWAY record is the same in every version. */
const NAMED_BYTES = wire.GATEWAY_VERSION_MAX + 4;

function beginsWithGateway(view: DataView): boolean {
  if (view.byteLength <= FRAME_HEADER_BYTES) return false;
  if (recordKind(view, FRAME_HEADER_BYTES) !== wire.GATEWAY) return false;
  return recordBytes(view, FRAME_HEADER_BYTES) >= NAMED_BYTES;
}

/** Calls `visit` with each record's kind, where its body starts and how long it is. */
export function eachRecord(
  view: DataView,
  visit: (kind: number, body: number, bytes: number) => void,
): void {
  let at = FRAME_HEADER_BYTES;
  while (at < view.byteLength) {
    const bytes = recordBytes(view, at);
    visit(recordKind(view, at), at + RECORD_HEADER_BYTES, bytes);
    at += RECORD_HEADER_BYTES + bytes;
  }
}

export function everyRecordIsSound(view: DataView): boolean {
  let sound = true;
  eachRecord(view, (kind, body, bytes) => {
    sound = sound && recordIsSound(view, kind, body, bytes);
  });
  return sound;
}

const FIXED_BYTES = new Map<number, number>([
  [wire.ENDPOINT, wire.ENDPOINT_BYTES],
  [wire.PICK, wire.PICK_BYTES],
  [wire.ENTRIES, wire.ENTRIES_BYTES],
  [wire.GATEWAY, wire.GATEWAY_BYTES],
  [wire.FLIGHT, wire.FLIGHT_BYTES],
  [wire.DONE, wire.DONE_BYTES],
  [wire.FAILURE, wire.FAILURE_BYTES],
  [wire.LEG, wire.LEG_BYTES],
]);

/** A kind that is not known is sound: a later version may add kinds. */
function recordIsSound(view: DataView, kind: number, body: number, bytes: number): boolean {
  const fixed = FIXED_BYTES.get(kind);
  if (fixed === undefined) return true;
  if (bytes < fixed) return false;
  const rest = bytes - fixed;
  if (kind === wire.PICK) {
    const keys = view.getUint32(body + wire.PICK_KEYS, true);
    return keys <= PROMPT_KEYS_MAX && keys * 8 <= rest && slotIsSound(view, body);
  }
  if (kind === wire.ENTRIES) {
    return view.getUint32(body + wire.ENTRIES_COUNT, true) * wire.ENTRY_BYTES <= rest;
  }
  if (kind === wire.ENDPOINT) {
    const address = view.getUint32(body + wire.ENDPOINT_ADDRESS_BYTES, true);
    return address <= ADDRESS_BYTES_MAX && address <= rest && slotIsSound(view, body);
  }
  if (kind === wire.FLIGHT || kind === wire.FAILURE || kind === wire.LEG)
    return slotIsSound(view, body);
  if (kind === wire.DONE) {
    return view.getUint32(body, true) === wire.NO_SLOT || slotIsSound(view, body);
  }
  return true;
}

/** Every record that names a slot has it first. */
function slotIsSound(view: DataView, body: number): boolean {
  return view.getUint32(body, true) < SLOTS_MAX;
}

const PROBLEMS: Record<Refusal, string> = {
  truncated: "its length is not what its header says",
  "not-ours": "it does not begin with HINT",
  "over-limit": "it is over the frame limit",
  checksum: "its checksum is wrong",
  record: "a record in it is malformed",
  "no-gateway": "its first record is not GATEWAY",
};

export function refusalError(refusal: Refusal): HintwayError {
  return reportRefused(PROBLEMS[refusal]);
}

/** Who sends a frame, and which versions it speaks: readable in every version. */
export interface Caller {
  /** 32 hexadecimal digits. */
  id: string;
  versionMin: number;
  versionMax: number;
}

/** The GATEWAY record that begins a verified frame. */
export interface GatewayClaim extends Caller {
  generation: number;
  table: number;
  loads: number;
  index: number;
  holdMs: number;
  /** Who counted its positions, and how long ago they were told. */
  origin: number;
  toldMs: number;
}

const GATEWAY_BODY = FRAME_HEADER_BYTES + RECORD_HEADER_BYTES;

export function callerOf(view: DataView): Caller {
  const id = Buffer.from(view.buffer, view.byteOffset + GATEWAY_BODY + wire.GATEWAY_ID, 16);
  return {
    id: id.toString("hex"),
    versionMin: view.getUint32(GATEWAY_BODY + wire.GATEWAY_VERSION_MIN, true),
    versionMax: view.getUint32(GATEWAY_BODY + wire.GATEWAY_VERSION_MAX, true),
  };
}

export function gatewayClaim(view: DataView): GatewayClaim {
  const field = (offset: number) => view.getUint32(GATEWAY_BODY + offset, true);
  return {
    ...callerOf(view),
    generation: field(wire.GATEWAY_GENERATION),
    table: field(wire.GATEWAY_TABLE),
    loads: field(wire.GATEWAY_LOADS),
    index: field(wire.GATEWAY_INDEX),
    holdMs: field(wire.GATEWAY_HOLD_MS),
    origin: field(wire.GATEWAY_ORIGIN),
    toldMs: field(wire.GATEWAY_TOLD_MS),
  };
}

/** What a frame claims whose records are of a version that is not spoken here: to know nothing. */
export function claimOfStranger(caller: Caller): GatewayClaim {
  const positions = { generation: 0, table: 0, loads: 0, index: 0, origin: 0, toldMs: 0 };
  return { ...caller, ...positions, holdMs: 0 };
}

export interface SlotClaim {
  slot: number;
  /** `ip:port` */
  address: string;
}

/** The ENDPOINT records of a verified frame, as slots that somebody has in use. */
export function slotClaims(view: DataView): SlotClaim[] {
  const claims: SlotClaim[] = [];
  eachRecord(view, (kind, body) => {
    if (kind !== wire.ENDPOINT) return;
    const bytes = view.getUint32(body + wire.ENDPOINT_ADDRESS_BYTES, true);
    const start = view.byteOffset + body + wire.ENDPOINT_BYTES;
    claims.push({
      slot: view.getUint32(body + wire.ENDPOINT_SLOT, true),
      address: Buffer.from(view.buffer, start, bytes).toString("latin1"),
    });
  });
  return claims;
}

/** The size of blocks that a verified whole table tells; null where it tells none. */
export function blockBytesIn(view: DataView): number | null {
  let blockBytes: number | null = null;
  eachRecord(view, (kind, body, bytes) => {
    if (kind !== wire.POOL || bytes < wire.POOL_BYTES) return;
    blockBytes = view.getUint32(body + wire.POOL_BLOCK_BYTES, true);
  });
  return blockBytes;
}
