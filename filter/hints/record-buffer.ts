// Records waiting to be sent, with room for the frame's header before them. Made once, reused.
import {
  beginRecord,
  FRAME_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  recordBytes,
  sealFrame,
} from "../../protocol/frame.ts";
import {
  DONE,
  DONE_BYTES,
  ENTRIES,
  ENTRIES_BYTES,
  ENTRIES_COUNT,
  ENTRY_BYTES,
  ENTRY_HOLDER,
  FAILURE,
  FAILURE_BYTES,
  FLIGHT,
  FLIGHT_BACKLOG_BYTES,
  FLIGHT_BYTES,
  FLIGHT_REQUESTS,
  FLIGHT_RESIDENT_BYTES,
  FLIGHT_UNANSWERED,
  LEG,
  LEG_BYTES,
  PICK,
  PICK_BLOCKS,
  PICK_BYTES,
  PICK_FLAGS,
  PICK_KEYS,
  PICK_SLOT,
  PICK_UNCACHED_BYTES,
} from "../../protocol/records.ts";
import { counters } from "./counters.ts";
import { agreedVersion } from "./version.ts";

export class RecordBuffer {
  view: DataView;
  at: usize;
  private bytesMax: u32;
  private used: u32 = FRAME_HEADER_BYTES;
  /** Where the last record begins, if it is one of ENTRIES; 0 if it is another. */
  private entriesAt: u32 = 0;

  constructor(bytesMax: u32) {
    const buffer = new ArrayBuffer(<i32>bytesMax);
    this.view = new DataView(buffer);
    this.at = changetype<usize>(buffer);
    this.bytesMax = bytesMax;
  }

  get isEmpty(): bool {
    return this.used === FRAME_HEADER_BYTES;
  }

  /** Bytes of the frame with its header. */
  get frameBytes(): u32 {
    return this.used;
  }

  clear(): void {
    this.used = FRAME_HEADER_BYTES;
    this.entriesAt = 0;
  }

  seal(flags: u32, generation: u32, sender: u32): void {
    const records = this.used - FRAME_HEADER_BYTES;
    sealFrame(this.view, 0, records, agreedVersion, flags, generation, sender);
  }

  /** Whether one more record with a body of `bytes` bytes finds room. */
  hasRoom(bytes: u32): bool {
    return this.bytesMax - this.used >= RECORD_HEADER_BYTES + bytes;
  }

  /** Answers where the body of a new record starts; where there is no room, 0, and it is counted. */
  begin(kind: u32, bytes: u32): u32 {
    if (!this.hasRoom(bytes)) {
      counters.recordsDropped++;
      return 0;
    }
    const body = beginRecord(this.view, this.used, kind, bytes);
    this.used = body + bytes;
    this.entriesAt = 0;
    return body;
  }

  /** Copies whole records, their headers included; false, and uncounted, where there is no room. */
  copyRecords(source: usize, bytes: u32): bool {
    if (this.bytesMax - this.used < bytes) return false;
    memory.copy(this.at + this.used, source, bytes);
    this.used += bytes;
    this.entriesAt = 0;
    return true;
  }

  /** Copies the records of another buffer, all or none. */
  copyAll(from: RecordBuffer): bool {
    return this.copyRecords(from.at + FRAME_HEADER_BYTES, from.used - FRAME_HEADER_BYTES);
  }

  addPick(slot: u32, flags: u32, uncached: u32, blocks: u32, keys: usize, keyCount: u32): void {
    const body = this.begin(PICK, PICK_BYTES + keyCount * 8);
    if (body === 0) return;
    const at = this.at + body;
    store<u32>(at + PICK_SLOT, slot);
    store<u32>(at + PICK_FLAGS, flags);
    store<u32>(at + PICK_UNCACHED_BYTES, uncached);
    store<u32>(at + PICK_BLOCKS, blocks);
    store<u32>(at + PICK_KEYS, keyCount);
    memory.copy(at + PICK_BYTES, keys, (<usize>keyCount) << 3);
  }

  addFlight(slot: u32, requests: u32, unanswered: u32, backlog: f64, resident: f64): void {
    const body = this.begin(FLIGHT, FLIGHT_BYTES);
    if (body === 0) return;
    const at = this.at + body;
    store<u32>(at, slot);
    store<u32>(at + FLIGHT_REQUESTS, requests);
    store<u32>(at + FLIGHT_BACKLOG_BYTES, clamped(backlog));
    store<u32>(at + FLIGHT_RESIDENT_BYTES, clamped(resident));
    store<u32>(at + FLIGHT_UNANSWERED, unanswered);
  }

  addFailure(slot: u32): void {
    const body = this.begin(FAILURE, FAILURE_BYTES);
    if (body !== 0) store<u32>(this.at + body, slot);
  }

  /** Answers where the fields of a DONE record go, 0 when there is no room. */
  addDone(): usize {
    const body = this.begin(DONE, DONE_BYTES);
    return body === 0 ? 0 : this.at + body;
  }

  /** Answers where the fields of a LEG record go, 0 when there is no room. */
  addLeg(): usize {
    const body = this.begin(LEG, LEG_BYTES);
    return body === 0 ? 0 : this.at + body;
  }

  /** Adds to the ENTRIES record that is last, or begins one; false when there is no room. */
  addEntry(key: u64, holder: u32): bool {
    if (this.entriesAt === 0) {
      if (!this.hasRoom(ENTRIES_BYTES + ENTRY_BYTES)) return false;
      const begun = this.used;
      store<u32>(this.at + this.begin(ENTRIES, ENTRIES_BYTES) + ENTRIES_COUNT, 0);
      this.entriesAt = begun;
    }
    if (this.bytesMax - this.used < ENTRY_BYTES) return false;
    const entry = this.at + this.used;
    store<u64>(entry, key);
    store<u32>(entry + ENTRY_HOLDER, holder);
    this.used += ENTRY_BYTES;
    const bytes = recordBytes(this.view, this.entriesAt) + ENTRY_BYTES;
    const body = this.at + beginRecord(this.view, this.entriesAt, ENTRIES, bytes);
    store<u32>(body + ENTRIES_COUNT, load<u32>(body + ENTRIES_COUNT) + 1);
    return true;
  }
}

/** A share as the wire carries it. */
function clamped(bytes: f64): u32 {
  return bytes >= 4294967295 ? 0xffffffff : <u32>max(bytes, 0);
}
