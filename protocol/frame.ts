// A frame: what a long poll answers, what a report posts, and what workers tell each other. All
// numbers are little-endian; everything starts at a multiple of four bytes.
//
//   offset  0        4        6        8         12         16           20
//         +--------+--------+--------+---------+----------+------------+-----------+
//         | magic  | version| flags  | bytes   | checksum | generation | sender    |
//         +--------+--------+--------+---------+----------+------------+-----------+
//         | records: header (kind u16, reserved u16, bytes u32), then that many bytes, ...
//
// bytes: of all records, without this header. checksum: of those bytes. generation: a random number
// on which all replicas of a control plane agree; what one generation numbered (slots, pools) means
// nothing in another. sender: a worker's number in its gateway, or zero.
import { beginFold, endFold, foldLane, keyLow } from "./keys.ts";
import { FRAME_BYTES_MAX, VERSION_MAX, VERSION_MIN } from "./limits.ts";

/** "HINT" as little-endian text. */
export const FRAME_MAGIC: u32 = 0x544e4948;
export const FRAME_HEADER_BYTES: u32 = 24;
export const RECORD_HEADER_BYTES: u32 = 8;

/** The table in this frame is complete: endpoints and pools it does not name are gone. */
export const FLAG_WHOLE_TABLE: u32 = 1;
/** The control plane has lost its index and asks this gateway for its own. */
export const FLAG_WANTS_INDEX: u32 = 2;

/** Why a frame is refused whole; 0 is accepted. */
export const FRAME_OK: u32 = 0;
export const FRAME_TRUNCATED: u32 = 1;
export const FRAME_NOT_OURS: u32 = 2;
export const FRAME_VERSION: u32 = 3;
export const FRAME_OVER_LIMIT: u32 = 4;
export const FRAME_CHECKSUM: u32 = 5;
export const FRAME_RECORD: u32 = 6;

/** Folds every word of the records. `bytes` is a multiple of four. */
export function checksum(view: DataView, start: u32, bytes: u32): u32 {
  beginFold(bytes);
  for (let at: u32 = 0; at < bytes; at += 4) foldLane(view.getUint32(start + at, true));
  endFold();
  return keyLow;
}

/** Writes the header over records that already stand at `start + FRAME_HEADER_BYTES`. */
export function sealFrame(
  view: DataView,
  start: u32,
  recordBytes: u32,
  version: u32,
  flags: u32,
  generation: u32,
  sender: u32,
): void {
  view.setUint32(start, FRAME_MAGIC, true);
  view.setUint16(start + 4, version as u16, true);
  view.setUint16(start + 6, flags as u16, true);
  view.setUint32(start + 8, recordBytes, true);
  view.setUint32(start + 12, checksum(view, start + FRAME_HEADER_BYTES, recordBytes), true);
  view.setUint32(start + 16, generation, true);
  view.setUint32(start + 20, sender, true);
}

/**
 * Whether `bytes` bytes at `start` are one whole frame of a version this tree speaks, with records
 * whose lengths add up. Answers FRAME_OK or the reason. Reads nothing beyond `bytes`.
 */
export function verifyFrame(view: DataView, start: u32, bytes: u32): u32 {
  const reason = verifyEnvelope(view, start, bytes);
  if (reason !== FRAME_OK) return reason;
  const version: u32 = view.getUint16(start + 4, true);
  return version < VERSION_MIN || version > VERSION_MAX ? FRAME_VERSION : FRAME_OK;
}

/**
 * The same for a frame of any version. The envelope, and where a GATEWAY record names the versions
 * its sender speaks, are the same in all of them, so that two sides can always tell what they share.
 */
export function verifyEnvelope(view: DataView, start: u32, bytes: u32): u32 {
  if (bytes < FRAME_HEADER_BYTES) return FRAME_TRUNCATED;
  if (view.getUint32(start, true) !== FRAME_MAGIC) return FRAME_NOT_OURS;
  if (bytes > FRAME_BYTES_MAX) return FRAME_OVER_LIMIT;
  const recordBytes: u32 = view.getUint32(start + 8, true);
  if (recordBytes !== bytes - FRAME_HEADER_BYTES) return FRAME_TRUNCATED;
  if (recordBytes % 4 !== 0) return FRAME_RECORD;
  const sum: u32 = checksum(view, start + FRAME_HEADER_BYTES, recordBytes);
  if (sum !== view.getUint32(start + 12, true)) return FRAME_CHECKSUM;
  return verifyRecords(view, start + FRAME_HEADER_BYTES, recordBytes);
}

function verifyRecords(view: DataView, start: u32, recordBytes: u32): u32 {
  let at: u32 = 0;
  while (at < recordBytes) {
    if (recordBytes - at < RECORD_HEADER_BYTES) return FRAME_RECORD;
    const bytes: u32 = view.getUint32(start + at + 4, true);
    if (bytes % 4 !== 0 || bytes > recordBytes - at - RECORD_HEADER_BYTES) return FRAME_RECORD;
    at = at + RECORD_HEADER_BYTES + bytes;
  }
  return FRAME_OK;
}

/**
 * The highest version that two sides speak, by the lowest and highest of each; 0 when they share
 * none.
 */
export function sharedVersion(aMin: u32, aMax: u32, bMin: u32, bMax: u32): u32 {
  const highest: u32 = aMax < bMax ? aMax : bMax;
  const lowest: u32 = aMin > bMin ? aMin : bMin;
  return highest < lowest ? 0 : highest;
}

export function frameVersion(view: DataView, start: u32): u32 {
  return view.getUint16(start + 4, true);
}

export function frameFlags(view: DataView, start: u32): u32 {
  return view.getUint16(start + 6, true);
}

export function frameGeneration(view: DataView, start: u32): u32 {
  return view.getUint32(start + 16, true);
}

export function frameSender(view: DataView, start: u32): u32 {
  return view.getUint32(start + 20, true);
}

/** Writes a record's header; the body of `bytes` bytes follows it. Answers where the body starts. */
export function beginRecord(view: DataView, at: u32, kind: u32, bytes: u32): u32 {
  view.setUint16(at, kind as u16, true);
  view.setUint16(at + 2, 0, true);
  view.setUint32(at + 4, bytes, true);
  return at + RECORD_HEADER_BYTES;
}

export function recordKind(view: DataView, at: u32): u32 {
  return view.getUint16(at, true);
}

export function recordBytes(view: DataView, at: u32): u32 {
  return view.getUint32(at + 4, true);
}

/** Bytes rounded up to the next multiple of four, as text is padded in a record. */
export function padded(bytes: u32): u32 {
  return (((bytes + 3) >>> 2) << 2) >>> 0;
}
