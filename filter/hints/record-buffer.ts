// Records waiting to be sent, with room for the frame's header before them. Made once, reused.
import {
  beginRecord,
  FRAME_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  sealFrame,
} from "../../protocol/frame.ts";
import { VERSION_MIN } from "../../protocol/limits.ts";
import {
  DONE,
  DONE_BYTES,
  ENTRIES,
  ENTRIES_BYTES,
  ENTRY_BYTES,
  FAILURE,
  FAILURE_BYTES,
  FLIGHT,
  FLIGHT_BACKLOG_BYTES,
  FLIGHT_BYTES,
  FLIGHT_REQUESTS,
  FLIGHT_RESIDENT_BYTES,
  FLIGHT_UNANSWERED,
  PICK,
  PICK_BYTES,
  PICK_FLAGS,
  PICK_KEYS,
  PICK_PROMPT_BYTES,
  PICK_SLOT,
  PICK_UNCACHED_BYTES,
} from "../../protocol/records.ts";

export class RecordBuffer {
  view: DataView;
  at: usize;
  private bytesMax: u32;
  private used: u32 = FRAME_HEADER_BYTES;
  /** Records that found no room. */
  dropped: u32 = 0;

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
  }

  seal(flags: u32, generation: u32, sender: u32): void {
    const records = this.used - FRAME_HEADER_BYTES;
    // The oldest version spoken: whoever shares any with this tree can read which others it speaks.
    sealFrame(this.view, 0, records, VERSION_MIN, flags, generation, sender);
  }

  /** Answers where the body of a new record starts, 0 when there is no room. */
  begin(kind: u32, bytes: u32): u32 {
    if (this.bytesMax - this.used < RECORD_HEADER_BYTES + bytes) {
      this.dropped++;
      return 0;
    }
    const body = beginRecord(this.view, this.used, kind, bytes);
    this.used = body + bytes;
    return body;
  }

  /** Copies one whole record, its header included. */
  copyRecord(source: usize, bytes: u32): void {
    if (this.bytesMax - this.used < bytes) {
      this.dropped++;
      return;
    }
    memory.copy(this.at + this.used, source, bytes);
    this.used += bytes;
  }

  addPick(slot: u32, flags: u32, uncached: u32, prompt: u32, keys: usize, keyCount: u32): void {
    const body = this.begin(PICK, PICK_BYTES + keyCount * 8);
    if (body === 0) return;
    const at = this.at + body;
    store<u32>(at + PICK_SLOT, slot);
    store<u32>(at + PICK_FLAGS, flags);
    store<u32>(at + PICK_UNCACHED_BYTES, uncached);
    store<u32>(at + PICK_PROMPT_BYTES, prompt);
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

  addEntry(slot: u32, key: u64, ageBlocks: u32): bool {
    const body = this.begin(ENTRIES, ENTRIES_BYTES + ENTRY_BYTES);
    if (body === 0) return false;
    const at = this.at + body;
    store<u32>(at, slot);
    store<u32>(at, 1, 4);
    store<u64>(at, key, 8);
    store<u32>(at, ageBlocks, 16);
    return true;
  }
}

/** A share as the wire carries it. */
function clamped(bytes: f64): u32 {
  return bytes >= 4294967295 ? 0xffffffff : <u32>max(bytes, 0);
}
